import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Emulator, POLICIES, startEmulator } from '../../../emulator';
import { type IotHub, createFeedFormats, createIotHub, parseAfterOffset } from '../../../src/iothub';
import { readSettings } from '../../../src/settings';
import { runs } from '../../testSize';

const FAULTY_POLLS = runs(120, 1_000);
const FREEZE_MS = runs(1_000, 5_000);

let emulator: Emulator;
let caFolder: string;
let hub: IotHub;
let after: string;

beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 4, caFolder });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});
beforeEach(() => {
  emulator.admin.clearFaults();
  emulator.admin.recreateHub();
  hub = openHub();
  after = '0';
});
afterEach(() => {
  hub.close();
});

function openHub(): IotHub {
  return createIotHub(
    readSettings({
      IOTHUB_HOSTNAME: emulator.hostName,
      IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
      IOTHUB_EVENTHUB_CONNECTION: emulator.connectionStrings.eventHub('service'),
    }),
  );
}

/** Polls on from where the last poll ended. @returns how many messages came */
async function poll({ waitSeconds = 0, limit = 10_000 } = {}): Promise<number> {
  const [{ encode }] = createFeedFormats('');
  const place = parseAfterOffset(after);
  const answer = await hub.feed.poll({ after: place, limit, waitSeconds, partitions: undefined, encode });
  after = answer.cursor;
  return answer.messages.length;
}

/** As a worker does: a poll that fails is made again. @returns how many messages came, and after how many failures */
async function pollUntilAnswered(): Promise<{ messages: number; failures: string[] }> {
  const failures: string[] = [];
  for (;;) {
    try {
      return { messages: await poll(), failures };
    } catch (error) {
      failures.push((error as { code: string }).code);
      if (failures.length > 2) throw error;
    }
  }
}

const arm = (fault: { kind: string; [name: string]: unknown }): number | undefined => {
  const armed = emulator.admin.armFault({ target: 'eventHub', ...fault });
  return 'id' in armed ? armed.id : undefined;
};

describe('the feed reads on', () => {
  test.each<[string, { kind: string; [name: string]: unknown }]>([
    ['a connection was closed', { kind: 'closeConnections' }],
    ['a connection was reset', { kind: 'resetConnections' }],
    ['links were detached', { kind: 'detachLinks' }],
    ['a partition was moved', { kind: 'detachLinks', condition: 'amqp:link:redirect', partitionId: '1' }],
    ['the hub was busy once', { kind: 'serverBusy', times: 1 }],
    ['the hub was busy three times', { kind: 'serverBusy', times: 3 }],
    ['a reader was refused', { kind: 'attachError', times: 1 }],
    [
      'a partition was moving',
      { kind: 'attachError', times: 2, condition: 'amqp:not-found', partitionId: '2' },
    ],
    ['a question to the hub was never answered', { kind: 'hangManagement', times: 1 }],
  ])(
    'after %s, by the next poll or the one after it',
    async (_, fault) => {
      emulator.admin.seed({ count: 8 });
      expect(await poll()).toBe(8);
      emulator.admin.seed({ count: 100 });
      arm(fault);
      let read = 0;
      for (let polls = 0; polls < 3 && read < 100; polls += 1) read += (await pollUntilAnswered()).messages;
      expect(read).toBe(100);
    },
    40_000,
  );

  test(
    'after the hub froze and came back',
    async () => {
      emulator.admin.seed({ count: 8 });
      expect(await poll()).toBe(8);
      arm({ kind: 'freeze' });
      await expect(poll()).rejects.toMatchObject({ code: 'hub_timeout', status: 504 });
      await new Promise((resolve) => setTimeout(resolve, FREEZE_MS));
      emulator.admin.clearFaults();
      emulator.admin.seed({ count: 100 });
      const { messages, failures } = await pollUntilAnswered();
      expect(messages).toBe(100);
      expect(failures.length).toBeLessThan(2);
    },
    FREEZE_MS + 60_000,
  );

  test('after its key was revoked and restored', async () => {
    emulator.admin.seed({ count: 8 });
    expect(await poll()).toBe(8);
    arm({ kind: 'revokeKeys', policy: 'service' });
    arm({ kind: 'closeConnections' });
    await expect(poll()).rejects.toMatchObject({ code: 'hub_access_denied' });
    emulator.admin.clearFaults();
    emulator.admin.seed({ count: 100 });
    expect((await pollUntilAnswered()).messages).toBe(100);
  });

  test('after the hub was gone and is there again', async () => {
    const port = emulator.amqpPort;
    expect(await poll()).toBe(0);
    await emulator.close();
    await expect(poll()).rejects.toMatchObject({ code: 'hub_unavailable', status: 503 });
    emulator = await startEmulator({ hubPort: 0, amqpPort: port, partitions: 4, caFolder });
    emulator.admin.seed({ count: 100 });
    expect((await pollUntilAnswered()).messages).toBe(100);
  });
});

test('readers that come after each other share their sessions', async () => {
  const requests = 2; // $cbs and $management
  const partitions = 4;
  for (let polls = 0; polls < 50; polls += 1) {
    emulator.admin.seed({ count: 8 });
    expect(await poll()).toBe(8);
    expect(emulator.admin.state().connections.amqpSessions).toBe(requests + partitions);
  }
});

test('a slow partition holds back neither the others nor the answer beyond its deadline', async () => {
  emulator.admin.seed({ count: 400 });
  arm({ kind: 'slowPartition', partitionId: '1', delayMs: 60_000 });
  expect(await poll()).toBe(300);
  emulator.admin.clearFaults();
  let rest = 0;
  for (let polls = 0; polls < 2 && rest < 100; polls += 1) rest += (await pollUntilAnswered()).messages;
  expect(rest).toBe(100);
}, 60_000);

/** What this process holds: sockets and timers (the emulator's side of each connection too). */
function held(): Record<string, number> {
  const count: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) count[kind] = (count[kind] ?? 0) + 1;
  return { sockets: count.TCPSocketWrap ?? 0, timers: count.Timeout ?? 0 };
}

test(
  `${FAULTY_POLLS} polls with faults leave nothing behind, and lose nothing`,
  { timeout: 300_000, retry: 0 },
  async () => {
    hub.close();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning); // too many listeners, among others
    process.on('warning', onWarning);
    await expect.poll(() => emulator.admin.state().connections.amqp).toBe(0);
    const before = held();
    hub = openHub();
    const faults = [
      { kind: 'closeConnections' },
      { kind: 'resetConnections' },
      { kind: 'detachLinks' },
      { kind: 'serverBusy', times: 1 },
      { kind: 'attachError', times: 2 },
      { kind: 'attachError', times: 1, condition: 'amqp:resource-limit-exceeded' },
    ];
    let sent = 0;
    let read = 0;
    for (let polls = 0; polls < FAULTY_POLLS; polls += 1) {
      emulator.admin.seed({ count: 4 });
      sent += 4;
      const polling = poll({ limit: 8, waitSeconds: polls % 3 ? 0 : 1 }).catch(() => 0);
      arm(faults[polls % faults.length] ?? { kind: 'detachLinks' });
      read += await polling;
    }
    emulator.admin.clearFaults();
    while (read < sent) read += (await pollUntilAnswered()).messages;
    expect(read).toBe(sent);
    expect(emulator.admin.state().connections.amqp).toBe(1);

    hub.close();
    await expect.poll(() => emulator.admin.state().connections.amqp).toBe(0);
    await expect.poll(held).toEqual(before);
    expect(emulator.admin.state().partitions.map(({ readers }) => readers)).toEqual([0, 0, 0, 0]);
    expect(warnings).toEqual([]);
    process.off('warning', onWarning);
  },
);
