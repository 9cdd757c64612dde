import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContainerClient, ContainerSASPermissions, BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAzurite, type Azurite } from '../azurite';
import { emulatorAgent } from '../azureSdks';
import { startHub, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { Registry } = require('azure-iothub');

let azurite: Azurite;
let hub: TestHub;
let registry: any;
let agent: ReturnType<typeof emulatorAgent>;
beforeAll(async () => {
  azurite = await startAzurite();
  hub = await startHub();
  agent = emulatorAgent(hub.emulator);
  registry = Registry.fromConnectionString(hub.emulator.connectionStrings.hub('iothubowner'));
  registry._restApiClient.setOptions({ http: { agent } });
});
afterAll(async () => {
  agent.destroy();
  await hub.close();
  await azurite.close();
});

/** A new container, and the URL with which the hub may use it. */
async function makeContainer(name: string): Promise<{ container: ContainerClient; uri: string }> {
  const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
  const container = service.getContainerClient(name);
  await container.create();
  const permissions = ContainerSASPermissions.parse('rwdl');
  const uri = await container.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + 3_600_000) });
  return { container, uri };
}

const textOf = async (container: ContainerClient, blob: string) =>
  (await container.getBlobClient(blob).downloadToBuffer()).toString();

async function ended({ jobId }: { jobId: string }): Promise<any> {
  let job: any;
  await expect
    .poll(async () => (job = await registry.getJob(jobId)).status, { timeout: 10_000 })
    .not.toBe('running');
  return job;
}

const identity = async (deviceId: string) => (await hub.call('GET', `/devices/${deviceId}`)).json;

test('azure-iothub exports devices with their twins, and imports them again', async () => {
  const { container, uri } = await makeContainer('devices');
  for (const deviceId of ['a', 'b:1', 'c']) await hub.register(deviceId);
  await hub.call('PATCH', '/twins/c', { tags: { store: 7 }, properties: { desired: { interval: 5 } } });
  const before = await identity('c');

  const exported = await ended(await registry.exportDevicesToBlob(uri, false));
  expect(exported).toMatchObject({ type: 'export', status: 'completed', progress: 100 });
  const lines = (await textOf(container, 'devices.txt'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ id }) => id)).toEqual(['a', 'b:1', 'c']);
  expect(lines[2]).toMatchObject({ tags: { store: 7 }, properties: { desired: { interval: 5 } } });

  for (const deviceId of ['a', 'b:1', 'c'])
    await hub.call('DELETE', `/devices/${encodeURIComponent(deviceId)}`);
  const imported = await ended(await registry.importDevicesFromBlob(uri, uri));
  expect(imported).toMatchObject({ type: 'import', status: 'completed' });
  expect((await identity('c')).authentication).toEqual(before.authentication);
  const { json: twin } = await hub.call('GET', '/twins/c');
  expect(twin).toMatchObject({ tags: { store: 7 }, properties: { desired: { interval: 5 } } });
  const { responseBody: jobs } = await registry.listJobs();
  expect(jobs.map(({ jobId }: any) => jobId)).toEqual([exported.jobId, imported.jobId]);
});

test('modules are exported and imported with their devices', async () => {
  const { container, uri } = await makeContainer('modules');
  await hub.register('edge');
  const { json: before } = await hub.call('PUT', '/devices/edge/modules/$one', {
    ...{ deviceId: 'edge', moduleId: '$one', managedBy: 'me' },
  });
  await hub.call('PATCH', '/twins/edge/modules/$one', { tags: { floor: 1 } });
  await ended(await registry.exportDevicesToBlob(uri, false));
  const lines = (await textOf(container, 'devices.txt')).trim().split('\n');
  const ofEdge = lines.map((line) => JSON.parse(line)).filter(({ id }) => id === 'edge');
  expect(ofEdge).toMatchObject([
    { id: 'edge', status: 'enabled' },
    { id: 'edge', moduleId: '$one', managedBy: 'me', tags: { floor: 1 }, capabilities: { iotEdge: false } },
  ]);
  expect(ofEdge[0]).not.toHaveProperty('moduleId');

  await hub.call('DELETE', '/devices/edge');
  const orphan = JSON.stringify({ id: 'nowhere', moduleId: 'm', importMode: 'create' });
  const text = [...ofEdge.map((line) => JSON.stringify(line)), orphan].join('\n');
  await container.getBlockBlobClient('devices.txt').upload(text, text.length);
  await ended(await registry.importDevicesFromBlob(uri, uri));
  const { json: after } = await hub.call('GET', '/devices/edge/modules/$one');
  expect(after).toMatchObject({ managedBy: 'me', authentication: before.authentication });
  expect((await hub.call('GET', '/twins/edge/modules/$one')).json).toMatchObject({ tags: { floor: 1 } });
  const errors = (await textOf(container, 'importErrors.log')).split('\n').map((line) => JSON.parse(line));
  expect(errors).toMatchObject([{ id: 'nowhere', moduleId: 'm', errorCode: 404001 }]);
});

test('keys are left out on request, and devices that cannot be imported are listed', async () => {
  const { container, uri } = await makeContainer('partial');
  await hub.register('keyed');
  await ended(await registry.exportDevicesToBlob(uri, true));
  const lines = (await textOf(container, 'devices.txt')).trim().split('\n');
  const keyed = lines.map((line) => JSON.parse(line)).find(({ id }) => id === 'keyed');
  expect(keyed.authentication.symmetricKey).toEqual({ primaryKey: null, secondaryKey: null });

  const text = [
    JSON.stringify({ id: 'new', importMode: 'create', status: 'enabled' }),
    JSON.stringify({ id: 'new', importMode: 'create' }),
    JSON.stringify({ id: 'keyed', importMode: 'Delete' }),
    'no JSON',
    `{"id":"deep","properties":{"desired":{"n":${'['.repeat(3_000)}${']'.repeat(3_000)}}}}`,
    JSON.stringify({ id: 'x'.repeat(1_000), importMode: 'create' }),
    JSON.stringify({ id: 'last', importMode: 'create' }),
  ].join('\r\n');
  await container.getBlockBlobClient('devices.txt').upload(text, text.length);
  await ended(await registry.importDevicesFromBlob(uri, uri));
  expect(await identity('new')).toMatchObject({ deviceId: 'new' });
  expect((await hub.call('GET', '/devices/keyed')).status).toBe(404);
  const errors = (await textOf(container, 'importErrors.log')).split('\n').map((line) => JSON.parse(line));
  expect(errors).toMatchObject([
    { id: 'new', errorCode: 409001 },
    { id: '', errorCode: 400012 },
    { id: '', errorCode: 400012 },
    { id: 'x'.repeat(128), errorCode: 400004 },
  ]);
  expect(await identity('last')).toMatchObject({ deviceId: 'last' });
});

test('a job without its blob fails, and does not show the SAS in its reason', async () => {
  const { uri } = await makeContainer('empty');
  const job = await ended(await registry.importDevicesFromBlob(uri, uri));
  expect(job.status).toBe('failed');
  expect(job.failureReason).toContain('BlobNotFound');
  expect(job.failureReason).not.toContain('sig=');
});

test.each<[string, object, number]>([
  ['of an unknown type', { type: 'scheduleUpdateTwin' }, 400],
  ['without its container', { type: 'import', outputBlobContainerUri: 'http://127.0.0.1:1/c' }, 400],
  ['with a file as its container', { type: 'export', outputBlobContainerUri: 'file:///etc' }, 400],
  [
    'by a managed identity',
    {
      type: 'export',
      outputBlobContainerUri: 'http://127.0.0.1:1/c',
      storageAuthenticationType: 'identityBased',
    },
    501,
  ],
])('a job %s is rejected', async (_, job, status) => {
  expect((await hub.call('POST', '/jobs/create', job)).status).toBe(status);
});

describe('a job that waits for its storage', () => {
  let silent: Server;
  let uri: string;
  beforeAll(async () => {
    silent = createServer(); // it never responds
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
    uri = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/account/container?sig=x`;
  });
  afterAll(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const job = () => ({ type: 'export', outputBlobContainerUri: uri });

  test('keeps others from starting until it is cancelled', async () => {
    const { json } = await hub.call('POST', '/jobs/create', job());
    expect(json.status).toBe('running');
    const refused = await hub.call('POST', '/jobs/create', job());
    expect(refused.status).toBe(403);
    expect(refused.json.Message).toContain('JobQuotaExceeded');
    expect((await hub.call('DELETE', `/jobs/${json.jobId}`)).json.status).toBe('cancelled');
    const { json: next } = await hub.call('POST', '/jobs/create', job());
    expect(next.status).toBe('running');
    await hub.call('DELETE', `/jobs/${next.jobId}`);
    expect((await hub.call('GET', `/jobs/${json.jobId}`)).json.status).toBe('cancelled');
  });

  test.each(['reset', 'recreateHub'] as const)(
    'is cancelled by %s, which leaves no jobs',
    async (operation) => {
      const { json } = await hub.call('POST', '/jobs/create', job());
      hub.emulator.admin[operation]();
      expect((await hub.call('GET', '/jobs')).json).toEqual([]);
      expect((await hub.call('GET', `/jobs/${json.jobId}`)).status).toBe(404);
      const { json: next } = await hub.call('POST', '/jobs/create', job());
      expect(next.status).toBe('running');
      await hub.call('DELETE', `/jobs/${next.jobId}`);
    },
  );

  test('is cancelled when the emulator stops, and kept in the data folder', async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    const before = await startHub({ dataFolder });
    const { json } = await before.call('POST', '/jobs/create', job());
    await before.close();
    const after = await startHub({ dataFolder });
    const kept = await after.call('GET', `/jobs/${json.jobId}`);
    expect(kept.json).toMatchObject({ jobId: json.jobId, type: 'export', status: 'cancelled' });
    await after.close();
    await rm(dataFolder, { recursive: true, force: true });
  });
});

test('a device that is deleted while it is exported does not fail the export', async () => {
  const desired = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`p${n}`, 'x'.repeat(4_000)]));
  const modules = Array.from({ length: 45 }, (_, n) => ({ moduleId: `m${n}`, desired })); // more than one block
  const other = await startHub({
    seed: { devices: [{ deviceId: 'large', modules }, { deviceId: 'small' }] },
  });
  let blob = '';
  const storage = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
      if (request.url?.includes('comp=block&')) {
        if (blob === '') await other.call('DELETE', '/devices/large');
        blob += body;
      }
      response.writeHead(201).end();
    })();
  });
  await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', () => resolve()));
  const uri = `http://127.0.0.1:${(storage.address() as AddressInfo).port}/account/container?sig=x`;
  const { json } = await other.call('POST', '/jobs/create', { type: 'export', outputBlobContainerUri: uri });
  const statusOf = async () => (await other.call('GET', `/jobs/${json.jobId}`)).json.status;
  await expect.poll(statusOf, { timeout: 10_000 }).not.toBe('running');
  expect(await statusOf()).toBe('completed');
  const ids = blob
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id);
  expect(ids.filter((id) => id === 'large')).toHaveLength(46);
  expect(ids.at(-1)).toBe('small');
  await other.close();
  storage.closeAllConnections();
  storage.close();
});

test('an unknown job is not found', async () => {
  expect((await hub.call('GET', '/jobs/none')).json.Message).toContain('JobNotFound');
});
