import { expect, test } from 'vitest';
import { startDashboard } from '../../local/dashboard';
import type { View } from '../../local/dashboard/view';
import { startJobStack } from './jobStack';

const EVENTS = 1_000;
/** Together more than the heap of the job's process may be. */
const EVENT_BYTES = 220_000;

test('a backlog of the largest events is read within the memory that the job has', async () => {
  const { stack, environment, close } = await startJobStack('[]');
  const note = 'x'.repeat(EVENT_BYTES);
  stack.emulator.admin.seed({
    count: EVENTS,
    bodies: [{ deviceId: 'shop-1', Data: { event: 'browse_product', product_id: 1, note } }],
    messageIds: true,
  });
  const log: string[] = [];
  const job = startDashboard(environment, (line) => log.push(line));
  try {
    for await (const { counts } of views(await job.ready)) if (counts.rows === EVENTS) break;
    expect(log.filter((line) => !line.startsWith('analytics reference data'))).toEqual([]);
  } finally {
    await job.close();
    await close();
  }
}, 120_000);

/** What the dashboard tells, until the stream ends: an error. */
async function* views(url: string): AsyncGenerator<View> {
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
