// @module-tag full

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { feedPages } from '../feedPages';
import { KEY, type Stack, post, startStack } from '../stack';

const VISITORS = 10_000;
const PARALLEL = 64;

/** Registers a visitor and sends one message as it. @returns the statuses, and who it is */
async function visit(stack: Stack, deviceId?: string): Promise<{ statuses: number[]; deviceId: string }> {
  const proposal = { deviceId, deviceKey: randomBytes(32).toString('base64') };
  const registered = await post(`${stack.host.url}/api/devices`, proposal, { 'x-functions-key': KEY });
  if (registered.status !== 201) return { statuses: [registered.status], deviceId: '' };
  const { deviceInfo } = registered.json;
  const sender = {
    deviceId: deviceInfo.deviceId as string,
    deviceKey: deviceInfo.authentication.symmetricKey.primaryKey as string,
  };
  const sent = await stack.send({ ...sender, deviceMessage: sender.deviceId, messageId: sender.deviceId });
  return { statuses: [registered.status, sent.status], deviceId: sender.deviceId };
}

async function visitAll(stack: Stack, count: number, idOf: (n: number) => string | undefined) {
  const visits: Awaited<ReturnType<typeof visit>>[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) visits.push(await visit(stack, idOf(n)));
  };
  await Promise.all(Array.from({ length: PARALLEL }, client));
  return visits;
}

test(
  `${VISITORS} new visitors of an S1 hub are all served, and each message arrives once`,
  async () => {
    const stack = await startStack({
      settings: { VISITOR_DEVICES: '16', VISITOR_KEY: Buffer.alloc(32, 7).toString('base64') },
    });
    stack.emulator.admin.setThrottle({ tier: 'S1' });
    const started = Date.now();
    const visits = await visitAll(stack, VISITORS, () => undefined);
    const seconds = (Date.now() - started) / 1_000;
    const { registry, telemetry } = stack.emulator.admin.state().requests;
    console.log(
      `${VISITORS} visitors in ${seconds.toFixed(1)} s: ${registry} registry operations, ${telemetry} send operations`,
    );
    expect(new Set(visits.flatMap(({ statuses }) => statuses))).toEqual(new Set([201]));
    expect(registry).toBeLessThanOrEqual(16);
    // The hub accepts a second's worth at once. A few operations find out that it throttles.
    expect(telemetry).toBeLessThanOrEqual(100 * (seconds + 1) + 50);
    const read: string[] = [];
    for await (const { json } of feedPages(stack, { limit: 10_000 })) {
      for (const { deviceId, body } of json.messages) {
        expect([body.deviceId, body.Data]).toEqual([deviceId, deviceId]);
        read.push(deviceId as string);
      }
    }
    expect(read.sort()).toEqual(visits.map(({ deviceId }) => deviceId).sort());
    await stack.close();
  },
  30_000 + VISITORS * 60,
);

test('as ordinary devices, most of them are refused', async () => {
  const stack = await startStack();
  stack.emulator.admin.setThrottle({ tier: 'S1' });
  const visits = await visitAll(stack, VISITORS, (n) => `web-${n}`);
  const throttled = visits.filter(({ statuses }) => statuses.includes(429)).length;
  console.log(`as ordinary devices: ${throttled} of ${VISITORS} get 429`);
  expect(throttled).toBeGreaterThan(0);
  await stack.close();
}, 240_000);
