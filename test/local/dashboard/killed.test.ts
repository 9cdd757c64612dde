// @module-tag full

import { afterAll, beforeAll, expect, test } from 'vitest';
import { views } from '../../../bench/dashboardViews';
import type { Child } from '../../../local/childProcess';
import { startDashboard } from '../../../local/dashboard';
import type { View } from '../../../local/dashboard/view';
import { feedPages } from '../../feedPages';
import type { Stack } from '../../stack';
import { type JobStack, startJobStack } from './jobStack';

const KILLS = 6;
/** for each job process */
const SHARE = 400;
const MESSAGES = (KILLS + 1) * SHARE;

let stack: Stack;
let jobStack: JobStack;
let job: Child | undefined;
let url: string;

beforeAll(async () => {
  jobStack = await startJobStack('[{"product_id":1,"sku_id":10,"price":5}]');
  stack = jobStack.stack;
  url = `http://127.0.0.1:${jobStack.environment.DASHBOARD_PORT}`;
});
afterAll(async () => {
  await job?.close();
  await jobStack.close();
});

const startJobProcess = (): Child => startDashboard(jobStack.environment, () => undefined);

/** The newest view that the dashboard tells, if it does. */
async function view(): Promise<View | undefined> {
  try {
    for await (const newest of views(url)) return newest;
  } catch {
    // It has been killed, or is not there yet.
  }
  return undefined;
}

test(
  'a job that is killed at random loses no event and repeats none, and the feed never notices',
  { timeout: 120_000, retry: 0 },
  async () => {
    const registered = await stack.register('shop-1');
    const deviceKey = registered.json.deviceInfo.authentication.symmetricKey.primaryKey as string;
    let sent = 0;
    const sendShare = async (): Promise<void> => {
      const until = sent + SHARE;
      while (sent < until) {
        const messages = Array.from({ length: 50 }, (_, i) => ({
          messageId: `m-${sent + i}`,
          deviceMessage: { event: 'browse_product', product_id: (sent + i) % 2 },
        }));
        const answer = await stack.send({ deviceId: 'shop-1', deviceKey, messages });
        expect(answer.status).toBe(201);
        sent += 50;
      }
    };
    const rows = async () => (await view())?.counts.rows ?? 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const enough = sent + 1 + Math.floor(Math.random() * SHARE);
      job = startJobProcess();
      const sending = sendShare();
      await expect.poll(rows).toBeGreaterThanOrEqual(enough);
      process.kill(job.pid ?? 0, 'SIGKILL');
      await Promise.all([job.ended, sending]);
    }
    job = startJobProcess();
    await sendShare();
    await job.ready;
    await expect.poll(rows).toBe(MESSAGES);
    const events = (await view())?.funnel[0]?.events;
    expect(events).toBe(MESSAGES);

    const seen: string[] = [];
    for await (const { json } of feedPages(stack, { limit: 10_000 }))
      seen.push(...(json.messages as { messageId: string }[]).map(({ messageId }) => messageId));
    expect(seen).toHaveLength(MESSAGES);
    expect(new Set(seen).size).toBe(MESSAGES);
  },
);
