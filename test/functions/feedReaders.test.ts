import { gzipSync } from 'node:zlib';
import type { Agent } from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FunctionsHost, startFunctionsHost } from '../../local/functionsHost';
import { Message, deviceClient, emulatorAgent } from '../azureSdks';
import { type Answer, KEY, type Stack, call, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 5).toString('base64');

let stack: Stack;
/** The same app before the same hub, with `FEED_CLIENT=sdk`. */
let sdkHost: FunctionsHost;
let agent: Agent;
let device: ReturnType<typeof deviceClient>;
beforeAll(async () => {
  stack = await startStack({ partitions: 4 });
  sdkHost = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { master: KEY },
    log: (line) => stack.logged.push(line),
    settings: () => ({ ...stack.settings, FEED_CLIENT: 'sdk' }),
  });
  agent = emulatorAgent(stack.emulator);
  await stack.register('sensor', DEVICE_KEY);
  device = deviceClient(stack.emulator, agent, 'sensor', DEVICE_KEY);
});
afterAll(async () => {
  await device.close();
  agent.destroy();
  await sdkHost.close();
  await stack.close();
});
beforeEach(() => {
  stack.emulator.admin.recreateHub({ keepDevices: true });
});

const NDJSON = { accept: 'application/x-ndjson' };
const sdkFeed = (query = '', headers: Record<string, string> = {}): Promise<Answer> =>
  call(`${sdkHost.url}/api/message_feed${query}`, { headers: { 'x-functions-key': KEY, ...headers } });

async function send(body: string | Buffer, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const message = Object.assign(new Message(body), fields);
  message.properties.add('level', 'high');
  await device.sendEvent(message);
}

describe('the reader through the SDK', () => {
  test('returns the same bytes as our own reader', async () => {
    const json = { contentType: 'application/json', contentEncoding: 'utf-8' };
    await send('{"n":12345678901234567890.0100,"__proto__":1,"__proto__":2,"half":"\\ud800"}', json);
    await send('{\r\n "t" : 1e400 }', {
      ...json,
      messageId: 'm-1',
      correlationId: 'c-1',
      userId: 'somebody',
    });
    await send('déjà vu', { contentType: 'text/plain' });
    await send(Buffer.from([0xff, 0, 0xfe]));
    await send(gzipSync('{}'), { contentEncoding: 'gzip' });
    await send('');
    stack.emulator.admin.seed({ count: 3_000, sizeBytes: 300 });
    const lines = (answer: Answer): string[] => answer.text.split('\n');
    const own = await stack.feedAt('?limit=10000', NDJSON);
    const sdk = await sdkFeed('?limit=10000', NDJSON);
    expect(lines(own)).toHaveLength(3_006 + 2); // the state, and the end of its line
    expect(lines(sdk).filter((line, i) => line !== lines(own)[i])).toEqual([]);
  });

  test(
    'continues after the hub closed, reset and detached connections and links',
    { tags: 'full' },
    async () => {
      const logged = stack.logged.length;
      let after = '0';
      let read = 0;
      const faults = ['closeConnections', 'resetConnections', 'detachLinks'];
      for (let round = 0; round < 12; round += 1) {
        stack.emulator.admin.seed({ count: 8 });
        const polling = sdkFeed(`?after_offset=${after}&wait=5`);
        stack.emulator.admin.armFault({ target: 'eventHub', kind: faults[round % faults.length] ?? '' });
        const { status, json } = await polling;
        if (status !== 200) continue;
        read += (json.messages as unknown[]).length;
        after = json.next_offset as string;
      }
      while (read < 12 * 8) {
        const { json } = await sdkFeed(`?after_offset=${after}`);
        read += (json.messages as unknown[]).length;
        after = json.next_offset as string;
      }
      expect(read).toBe(12 * 8);
      expect(stack.logged.slice(logged).filter((line) => /worker|uncaught|unhandled/i.test(line))).toEqual(
        [],
      );
    },
  );

  test('waits for a message', { tags: 'full' }, async () => {
    const waiting = sdkFeed('?wait=30');
    await expect
      .poll(() => stack.emulator.admin.state().partitions[3]?.readers, { interval: 5 })
      .toBeGreaterThan(0);
    stack.emulator.admin.seed({ count: 1, partitionId: '3' });
    expect((await waiting).json.messages).toHaveLength(1);
  });
});
