import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { BlobSASPermissions, BlobServiceClient } from '@azure/storage-blob';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Emulator } from '../../emulator/index';
import { startAzurite, type Azurite } from '../azurite';
import { deviceClient, emulatorAgent } from '../azureSdks';
import { openService } from './amqpService';
import { sasToken, startHub, VERSION, type TestHub } from './hub';
import { callAs, uploader } from './uploader';

let azurite: Azurite;
let hub: TestHub;
let service: IotHub.Client;
beforeAll(async () => {
  azurite = await startAzurite();
  hub = await startHub({ amqpsPort: 0, storage: azurite.connectionString });
  service = await openService(hub.emulator);
});
afterAll(async () => {
  await service.close();
  await hub.close();
  await azurite.close();
});

const blobOf = (name: string) =>
  BlobServiceClient.fromConnectionString(azurite.connectionString)
    .getContainerClient('uploads')
    .getBlobClient(name);

interface Put {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  /** The path and query as they are sent. */
  readonly path?: string;
}

const pathOf = ({ hostName, containerName, blobName, sasToken: sas }: Record<string, string>) =>
  `${(hostName ?? '').replace(/^[^/]*/, '')}/${containerName}/${blobName}${sas}`;

/** Uploads as a device SDK does: over HTTPS, to the given host. */
function put(target: Record<string, string>, given: Put = {}): Promise<number | undefined> {
  const { method = 'PUT', body = 'a', headers = {}, path = pathOf(target) } = given;
  const { hostname: host, port } = new URL(`https://${target.hostName}`);
  const blob = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-04-10', ...headers };
  return new Promise((resolve, reject) => {
    const options = { host, port, path, method, ca: hub.emulator.ca, agent: false, headers: blob };
    request(options, (response) => response.resume().on('end', () => resolve(response.statusCode)))
      .on('error', reject)
      .end(method === 'PUT' ? body : undefined);
  });
}

test('azure-iot-device uploads a file, and azure-iothub receives the notification', async () => {
  const deviceId = 'camera';
  const { emulator } = hub;
  const agent = emulatorAgent(emulator);
  const client = deviceClient(emulator, agent, deviceId, await hub.register(deviceId));
  const receiver = await new Promise<any>((resolve, reject) =>
    service.getFileNotificationReceiver((error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const notified = new Promise<any>((resolve) => receiver.once('message', resolve));
  const content = Buffer.alloc(5 * 1024 * 1024, 'x');
  // The SDK's client of the storage has no option for a certificate authority.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    await client.uploadToBlob('day/picture 1.jpg', Readable.from([content]), content.length);
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  }
  const message = await notified;
  const notification = JSON.parse(message.data.toString());
  expect(notification).toMatchObject({
    deviceId,
    blobName: 'camera/day/picture 1.jpg',
    blobSizeInBytes: content.length,
  });
  expect(notification.blobUri).toBe(blobOf('camera/day/picture 1.jpg').url);
  const stored = await blobOf('camera/day/picture 1.jpg').downloadToBuffer();
  expect(stored.equals(content)).toBe(true);
  await receiver.complete(message);
  await client.close();
  agent.destroy();
});

describe('an upload', () => {
  test('is refused after ten that have not ended, and again possible after one has', async () => {
    const post = await uploader(hub, 'busy');
    const begun = await Promise.all(Array.from({ length: 10 }, (_, n) => post('', { blobName: `${n}` })));
    expect(begun.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const refused = await post('', { blobName: 'more' });
    expect(refused.status).toBe(403);
    expect(refused.json.Message).toContain('DeviceMaximumActiveFileUploadLimitExceeded');
    const correlationId = begun[0]?.json.correlationId;
    expect((await post('/notifications', { correlationId, isSuccess: false })).status).toBe(204);
    expect((await post('', { blobName: 'more' })).status).toBe(200);
  });

  test('may only write its own blob', async () => {
    const post = await uploader(hub, 'writer');
    const { json } = await post('', { blobName: 'own' });
    const refused = async (target: object, given: Put = {}) => put({ ...json, ...target }, given);
    expect(await refused({ blobName: 'other/own' })).toBe(403);
    expect(await refused({ blobName: 'writer/own/../own2' })).toBe(403);
    expect(await refused({ containerName: 'secret' })).toBe(404);
    for (const up of ['..', '%2e%2e', '.%2E']) {
      const path = pathOf({ ...json, containerName: `uploads/${up}/secret` });
      expect(await put(json, { path })).toBe(404);
    }
    expect(await put(json, { path: pathOf(json).replace('/_blobs/', '/_blobs//storage.example/') })).toBe(
      404,
    );
    expect(await put(json, { path: pathOf({ ...json, blobName: '%zz' }) })).toBe(400);
    expect(await put(json)).toBe(201);
    expect(await put(json, { method: 'GET' })).toBe(200);
  });

  test('needs the SAS that the hub returned, whatever else would open the storage', async () => {
    const { json } = await (await uploader(hub, 'signed'))('', { blobName: 'a' });
    const sas = new URLSearchParams(json.sasToken);
    const changed = (change: (query: URLSearchParams) => void) => {
      const query = new URLSearchParams(sas);
      change(query);
      return put({ ...json, sasToken: `?${query.toString()}` });
    };
    expect(await put({ ...json, sasToken: '' })).toBe(403);
    for (const field of sas.keys()) expect(await changed((query) => query.delete(field))).toBe(403);
    expect(await changed((query) => query.set('se', '2999-01-01T00:00:00Z'))).toBe(403);
    expect(await changed((query) => query.set('sp', 'racwd'))).toBe(403);
    expect(await changed((query) => query.append('sp', 'racwd'))).toBe(403);
    // Signed with the key of the account, but not by the hub.
    const options = { expiresOn: new Date(Date.now() + 60_000) };
    const url = await blobOf('signed/a').generateSasUrl({
      ...options,
      permissions: BlobSASPermissions.parse('racwd'),
      startsOn: new Date(0),
    });
    expect(await put({ ...json, sasToken: new URL(url).search })).toBe(403);
    const headers = { authorization: `SharedKey devstoreaccount1:${'A'.repeat(43)}=` };
    expect(await put({ ...json, sasToken: '' }, { headers })).toBe(403);
    expect(await put(json, { headers })).toBe(201); // the header is not forwarded
  });

  test('ends with its SAS', async () => {
    const { json } = await (await uploader(hub, 'late'))('', { blobName: 'a' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_001 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await put(json)).toBe(403);
  });

  test.each<[string, Put, number]>([
    ['that deletes', { method: 'DELETE' }, 405],
    ['that copies from another server', { headers: { 'x-ms-copy-source': 'http://127.0.0.1:1/' } }, 403],
    ['of more than 256 MB', { headers: { 'content-length': String(256 * 1024 * 1024 + 1) } }, 413],
  ])('%s is rejected', async (_, given, status) => {
    const { json } = await (await uploader(hub, 'careful'))('', { blobName: 'a' });
    expect(await put(json, given)).toBe(status);
    await hub.call('DELETE', '/devices/careful');
  });

  test.each<[string, string, unknown, number]>([
    ['without a name', '', {}, 400],
    ['with a name of 1,025 characters', '', { blobName: 'a'.repeat(1_025) }, 400],
    ['with a name that leaves its folder', '', { blobName: 'a/../../other' }, 400],
    ['that never began', '/notifications', { correlationId: 'x', isSuccess: true }, 400],
    ['without its outcome', '/notifications', { correlationId: 'x' }, 400],
  ])('%s is rejected', async (_, path, body, status) => {
    expect((await (await uploader(hub, 'wrong'))(path, body)).status).toBe(status);
    await hub.call('DELETE', '/devices/wrong');
  });

  test('of another device cannot be ended, nor one whose blob is missing', async () => {
    const [post, other] = [await uploader(hub, 'mine'), await uploader(hub, 'theirs')];
    const { correlationId } = (await post('', { blobName: 'a' })).json;
    const ending = { correlationId, isSuccess: true };
    expect((await other('/notifications', ending)).status).toBe(400);
    expect((await post('/notifications', ending)).json.Message).toContain('InvalidStorageEndpointOrBlob');
  });

  test('needs the key of the device', async () => {
    await hub.register('locked');
    const post = callAs(hub.emulator, hub, 'locked', Buffer.alloc(32).toString('base64'));
    expect((await post('', { blobName: 'a' })).status).toBe(401);
  });
});

test('uploads and notifications survive a restart', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  const options = { dataFolder, storage: azurite.connectionString };
  const before = await startHub(options);
  const post = await uploader(before, 'kept');
  const { json } = await post('', { blobName: 'a' });
  expect(await put({ ...json, hostName: json.hostName.replace(/:\d+/, `:${hub.emulator.hubPort}`) })).toBe(
    201,
  );
  const key = (await before.call('GET', '/devices/kept')).json.authentication.symmetricKey.primaryKey;
  await before.close();
  const after = await startHub({ ...options, amqpsPort: 0 });
  const { correlationId } = json;
  const again = callAs(after.emulator, after, 'kept', key);
  expect((await again('/notifications', { correlationId, isSuccess: true })).status).toBe(204);
  await after.close();
  const last = await startHub({ ...options, amqpsPort: 0 });
  const reader = await openService(last.emulator);
  const receiver = await new Promise<any>((resolve) =>
    reader.getFileNotificationReceiver((_error, opened) => resolve(opened)),
  );
  const message = await new Promise<any>((resolve) => receiver.once('message', resolve));
  expect(JSON.parse(message.data.toString())).toMatchObject({ deviceId: 'kept', blobSizeInBytes: 1 });
  await reader.close();
  await last.close();
  await rm(dataFolder, { recursive: true, force: true });
});

test('a container that the storage has lost is created again', async () => {
  const post = await uploader(hub, 'survivor');
  expect((await post('', { blobName: 'a' })).status).toBe(200);
  await BlobServiceClient.fromConnectionString(azurite.connectionString).deleteContainer('uploads');
  const { json } = await post('', { blobName: 'a' });
  expect(await put(json)).toBe(201);
});

describe('the URL of an upload', () => {
  /** A request of a device that reaches the emulator by this name, at this address. */
  async function hostOf(emulator: Emulator, owner: TestHub, host: string, address: string) {
    const deviceId = `at-${address}-${host.split(':', 1)[0]}`;
    const authorization = sasToken(
      `${emulator.hostName}/devices/${deviceId}`,
      await owner.register(deviceId),
    );
    return new Promise((resolve, reject) => {
      const path = `/devices/${deviceId}/files?${VERSION}`;
      const headers = { host, authorization, 'content-type': 'application/json' };
      const { hubPort: port, ca } = emulator;
      const checkServerIdentity = () => undefined;
      const options = { host: address, port, ca, path, method: 'POST', agent: false, headers };
      request({ ...options, checkServerIdentity }, (response) => {
        text(response).then((body) => resolve(JSON.parse(body).hostName), reject);
      })
        .on('error', reject)
        .end(JSON.stringify({ blobName: 'a' }));
    });
  }

  test('names the host of the request', async () => {
    const named = await startHub({ storage: azurite.connectionString, allowedHosts: ['gateway.example'] });
    const at = (host: string) => hostOf(named.emulator, named, host, '127.0.0.1');
    expect(await at('gateway.example:9443')).toBe('gateway.example:9443/_blobs/devstoreaccount1');
    expect(await at('localhost:9443')).toBe('localhost:9443/_blobs/devstoreaccount1');
    // A local client may map the hub's name to the emulator by itself.
    const own = `127.0.0.1:${named.emulator.hubPort}/_blobs/devstoreaccount1`;
    expect(await at(named.emulator.hostName)).toBe(own);
    await named.close();
  });

  // Other systems have no second address of the loopback interface.
  test.runIf(process.platform === 'linux')('does not name 127.0.0.1 at another address', async () => {
    const open = await startHub({ storage: azurite.connectionString, listen: '0.0.0.0' });
    const { hostName } = open.emulator;
    const host = `${hostName}:8443`;
    expect(await hostOf(open.emulator, open, host, '127.0.0.2')).toBe(`${host}/_blobs/devstoreaccount1`);
    await open.close();
  });
});

test('each hub has a container of its own', async () => {
  const both = await startHub({ storage: azurite.connectionString, hub: ['first', 'second'] });
  const [, second] = both.emulator.hubs;
  const owner = /SharedAccessKey=(.*)$/.exec(second?.connectionStrings.hub('iothubowner') ?? '')?.[1] ?? '';
  const hostName = second?.hostName ?? '';
  const authorization = sasToken(hostName, owner, { policy: 'iothubowner' });
  const identity = { deviceId: 'd' };
  const { json: device } = await both.call('PUT', '/devices/d', identity, { authorization, host: hostName });
  const { primaryKey } = device.authentication.symmetricKey;
  const { json } = await both.call(
    'POST',
    '/devices/d/files',
    { blobName: 'a' },
    {
      authorization: sasToken(`${hostName}/devices/d`, primaryKey),
      host: hostName,
    },
  );
  expect(json.containerName).toBe('uploads-second');
  expect((await (await uploader(both, 'd'))('', { blobName: 'a' })).json.containerName).toBe('uploads');
  const at = json.hostName.replace(/:\d+/, `:${hub.emulator.hubPort}`);
  expect(await put({ ...json, hostName: at })).toBe(404); // that emulator does not have the second hub
  await both.close();
});
