import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';
import { createHubAgent } from '../../src/iothub/registry/hubAgent';
import { createRegistry } from '../../src/iothub/registry/registryClient';
import { readRegistrySettings } from '../../src/settings';
import { sendToHub } from '../sendToHub';

const DAY_MS = 86_400_000;
const KEY = Buffer.alloc(32, 5).toString('base64');

let emulator: Emulator;
let caFolder: string;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-devices-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 1, caFolder });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});
afterEach(() => {
  vi.useRealTimers();
  emulator.admin.setThrottle({ tier: 'none' });
  emulator.admin.reset();
});

const settings = (): Record<string, string> => ({
  IOTHUB_HOSTNAME: emulator.hostName,
  IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
  IOTHUB_ENDPOINT: emulator.endpoint,
  IOTHUB_CA_FILE: emulator.caFile,
  VISITOR_ID_PREFIX: 'web-',
});

/** Works as if it were so many days ago. */
async function daysAgo(days: number, work: () => Promise<unknown>): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - days * DAY_MS });
  await work();
  vi.useRealTimers();
}

async function withRegistry<T>(
  work: (registry: ReturnType<typeof createRegistry>) => Promise<T>,
): Promise<T> {
  const read = readRegistrySettings(settings());
  const agent = createHubAgent(read);
  try {
    return await work(createRegistry(read, agent));
  } finally {
    agent.destroy();
  }
}

const addDevices = (...ids: string[]): Promise<void> =>
  withRegistry(async (registry) => {
    for (let first = 0; first < ids.length; first += 100) {
      const group = ids.slice(first, first + 100).map((deviceId) => ({
        deviceId,
        authentication: { type: 'sas', symmetricKey: { primaryKey: KEY, secondaryKey: KEY } },
      }));
      await registry.addDevices(group);
    }
  });
const deviceIds = (): Promise<string[]> =>
  withRegistry(async (registry) => {
    const { responseBody } = await registry.list();
    return responseBody.map(({ deviceId }) => deviceId).sort();
  });
const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${String(n).padStart(4, '0')}`);

interface Run {
  code: number | null;
  out: string;
  errors: string;
}

/** `npm run devices`, in a process of its own. @param until ends it once the text stands in its output */
function devices(args: string[], until?: string): Promise<Run> {
  const child = spawn(process.execPath, ['local/launch.mjs', 'devices', ...args], {
    env: { ...process.env, ...settings() },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run: Run = { code: null, out: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (run.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.errors += text;
    if (until !== undefined && run.errors.includes(until)) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ ...run, code });
    });
  });
}

test('lists and deletes ordinary devices that were not seen for a while, and no others', async () => {
  await daysAgo(100, () => addDevices('old-1', 'old-2', 'web-gateway-00', 'sends'));
  await daysAgo(10, () => addDevices('recent'));
  expect(await sendToHub(emulator, { deviceId: 'sends', deviceKey: KEY }, '1')).toBe(204);
  const before = await deviceIds();

  const list = await devices(['list', '--unseen', '90d']);
  expect([list.code, list.out.split('\n').map((line) => line.split('\t')[0])]).toEqual([
    0,
    ['old-1', 'old-2', ''],
  ]);
  const dryRun = await devices(['prune', '--unseen', '90d', '--dry-run']);
  expect([dryRun.code, dryRun.out]).toEqual([0, list.out]);
  expect(await deviceIds()).toEqual(before);

  const pruned = await devices(['prune', '--unseen', '90d']);
  expect(pruned.code).toBe(0);
  expect(pruned.errors).toContain('Deleted 2 of 2 devices. Skipped: 1 that are gateways');
  expect(await deviceIds()).toEqual(['recent', 'sends', 'web-gateway-00']);
  expect(pruned.errors + list.errors).not.toContain(POLICIES.iothubowner.key);
});

test('a pruning that was killed continues when it is started again', { tags: 'full' }, async () => {
  await daysAgo(100, () => addDevices(...numbered('old-', 950)));
  await addDevices('new');
  // Slow enough that the process is killed before it is done.
  emulator.admin.armFault({ target: 'registry', kind: 'slow', delayMs: 300, times: 1_000 });
  const killed = await devices(['prune', '--unseen', '90d'], 'deleted 100');
  emulator.admin.clearFaults();
  expect(killed.code).toBeNull();
  const left = (await deviceIds()).length;
  expect(left).toBeLessThan(951);
  expect(left).toBeGreaterThan(1);
  const again = await devices(['prune', '--unseen', '12w']);
  expect([again.code, await deviceIds()]).toEqual([0, ['new']]);
});

test('waits while the hub throttles, and says why it cannot go on', { tags: 'full' }, async () => {
  await daysAgo(100, () => addDevices('old'));
  emulator.admin.armFault({ target: 'registry', kind: 'throttle', times: 2, retryAfterSeconds: 1 });
  const throttled = await devices(['prune', '--unseen', '90d']);
  expect([throttled.code, await deviceIds()]).toEqual([0, []]);
  expect(throttled.errors).toContain('Trying again in 1 s.');
  emulator.admin.armFault({ target: 'queries', kind: 'unauthorized', times: 1 });
  const refused = await devices(['prune', '--unseen', '90d']);
  expect([refused.code, refused.errors]).toEqual([
    1,
    expect.stringContaining('rejected the credentials') as string,
  ]);
  const short = await devices(['prune', '--unseen', '5m']);
  expect([short.code, short.errors]).toEqual([1, expect.stringContaining('90d') as string]);
});
