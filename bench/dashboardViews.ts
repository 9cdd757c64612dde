import type { View } from '../local/dashboard/view';

/** Yields the views of the dashboard at `url`. @throws Error if the stream ends, which it should not */
export async function* views(url: string): AsyncGenerator<View, never> {
  const { body } = await fetch(`${url}/events`);
  let text = '';
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const messages = (text + part).split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (data !== undefined) yield JSON.parse(data) as View;
    }
  }
  throw new Error('the dashboard ended');
}
