import type { View } from '../local/dashboard/view';

/** What the dashboard at `url` tells, one view after the other. @throws Error when the stream ends: it never should */
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
