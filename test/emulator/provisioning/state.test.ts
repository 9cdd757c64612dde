/** The state of the service across seeds, resets, and starts with other hubs. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDataFolderLog } from '../../../emulator/dataFolder/dataFolderError';
import { NO_JOURNAL, openJournal } from '../../../emulator/dataFolder/journal';
import { PROVISIONING, startEmulator, type EmulatorOptions } from '../../../emulator/index';
import { IotHubError } from '../../../emulator/iotHubError';
import { createLog } from '../../../emulator/log';
import type { Provisioning } from '../../../emulator/provisioning';
import { applyProvisioningSeed, readSeed } from '../../../emulator/seedFile';
import { startHub, type TestHub } from '../hub';
import { asService, register } from './provisioningRequests';

const key = Buffer.alloc(32, 1).toString('base64');
const attestation = {
  type: 'symmetricKey' as const,
  symmetricKey: { primaryKey: key, secondaryKey: key },
};
const SEED = { provisioning: { enrollments: [{ registrationId: 'fridge', attestation }] } };

let dataFolder: string;
let hub: TestHub | undefined;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  await hub?.close();
  hub = undefined;
  await rm(dataFolder, { recursive: true, force: true });
});

/** Starts the emulator, after the previous one has ended. */
async function start(options: EmulatorOptions = {}): Promise<TestHub> {
  await hub?.close();
  return (hub = await startHub({ provisioning: true, dataFolder, ...options }));
}

const statusOf = async ({ emulator }: TestHub, path: string) =>
  (await asService(emulator, 'GET', path)).status;
const create = ({ emulator }: TestHub, registrationId: string, options: object = {}) =>
  asService(emulator, 'PUT', `/enrollments/${registrationId}`, { registrationId, attestation, ...options });

test('a start without a seed removes the enrollments of an interrupted seed, and no later start does', async () => {
  await create(await start(), 'half');
  await hub?.close();
  hub = undefined;
  const log = createDataFolderLog(
    dataFolder,
    createLog('info', () => undefined),
  );
  const journal = openJournal(join(dataFolder, PROVISIONING.hostName, 'state.log'), log);
  journal.write(['seed/state', 'begun']);
  journal.close();
  expect(await statusOf(await start(), '/enrollments/half')).toBe(404);
  await create(await start(), 'own');
  const last = await start({ seed: SEED });
  expect(await statusOf(last, '/enrollments/own')).toBe(200);
  expect(await statusOf(last, '/enrollments/fridge')).toBe(404);
});

test('a full disk is no invalid seed', () => {
  const full = new IotHubError('ServiceUnavailable', 'The disk is full.');
  const put = () => {
    throw full;
  };
  const empty = { all: () => [], put };
  const service = { individual: empty, groups: empty, clear: () => undefined } as unknown as Provisioning;
  expect(() => applyProvisioningSeed(service, NO_JOURNAL, readSeed(SEED))).toThrow(full);
});

test('a reset of the first hub resets the service, and a recreated hub does not', async () => {
  const started = await start({ hub: ['hubfront', 'store'], seed: SEED });
  const { emulator } = started;
  const [, store] = emulator.hubs;
  const statuses = () =>
    Promise.all(['/enrollments/fridge', '/registrations/fridge'].map((path) => statusOf(started, path)));
  await register(emulator, 'fridge', key);
  emulator.admin.recreateHub();
  store?.admin.reset();
  expect(await statuses()).toEqual([200, 200]);
  emulator.admin.reset();
  expect(await statuses()).toEqual([404, 404]);
  expect(await statusOf(await start({ hub: ['hubfront', 'store'] }), '/enrollments/fridge')).toBe(404);
});

test('names the removed hub of an enrollment, to which it cannot assign a device', async () => {
  const first = await start({ hub: ['hubfront', 'store'] });
  const hostName = first.emulator.hubs[1]?.hostName;
  expect((await create(first, 'fridge', { iotHubHostName: hostName })).status).toBe(200);
  const { emulator } = await start();
  const { status, json } = await register(emulator, 'fridge', key);
  expect([status, json.message]).toEqual([400, expect.stringContaining(hostName ?? '')]);
  expect(emulator.admin.state().devices).toBe(0);
});

test.each([PROVISIONING.hostName, PROVISIONING.globalHostName])('no hub can be named %s', async (name) => {
  const starting = startEmulator({ hub: ['shop', name], provisioning: true, caFolder: dataFolder });
  await expect(starting).rejects.toThrow(RangeError);
  await expect(starting).rejects.toThrow(name);
});
