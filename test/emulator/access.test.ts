import { execFile } from 'node:child_process';
import { createHmac, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import rhea, { type Connection, type EventContext } from 'rhea';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';

let emulator: Emulator;
let caFolder: string;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ amqpsPort: 0, partitions: 1, caFolder });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

const VERSION = 'api-version=2021-04-12';
const MINUTE_S = 60;
const now = () => Math.floor(Date.now() / 1000);

/** A token as IoT Hub's SDKs make it. `resource` is encoded once, as it is. */
function token(resource: string, key: string, { expiry = now() + MINUTE_S, policy = '' } = {}): string {
  const sr = encodeURIComponent(resource);
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${expiry}`).digest('base64');
  const skn = policy === '' ? '' : `&skn=${policy}`;
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${expiry}${skn}`;
}

const ownerToken = (expiry?: number) =>
  token(emulator.hostName, POLICIES.iothubowner.key, {
    policy: 'iothubowner',
    ...(expiry === undefined ? {} : { expiry }),
  });

interface Answer {
  readonly status: number;
  readonly json: any;
}

function call(
  method: string,
  path: string,
  options: RequestOptions & { body?: string } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { method, path, host: '127.0.0.1', port: emulator.hubPort, ca: emulator.ca, agent: false, ...rest },
      (response) => {
        let text = '';
        response.on('data', (data: Buffer) => (text += data.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) }),
        );
      },
    );
    outgoing.on('error', reject).end(body);
  });
}

const putDevice = (device: { deviceId: string }) =>
  call('PUT', `/devices/${encodeURIComponent(device.deviceId)}?${VERSION}`, {
    headers: { authorization: ownerToken(), 'content-type': 'application/json' },
    body: JSON.stringify(device),
  });
const send = (deviceId: string, options: RequestOptions) =>
  call('POST', `/devices/${encodeURIComponent(deviceId)}/messages/events?${VERSION}`, {
    ...options,
    body: '{}',
  });

describe('a token', () => {
  test.each([
    ['is accepted until five minutes after its expiry', -4 * MINUTE_S, 200],
    ['is refused then', -6 * MINUTE_S, 401],
  ])('%s, over HTTPS', async (_, seconds, status) => {
    const headers = { authorization: ownerToken(now() + seconds) };
    expect((await call('GET', `/devices?${VERSION}`, { headers })).status).toBe(status);
  });

  test("of a device's own key is accepted as long, when it sends", async () => {
    const { json } = await putDevice({ deviceId: 'late' });
    const sendAt = (expiry: number) => {
      const key = json.authentication.symmetricKey.primaryKey;
      const authorization = token(`${emulator.hostName}/devices/late`, key, { expiry });
      return send('late', { headers: { authorization } });
    };
    expect((await sendAt(now() - 4 * MINUTE_S)).status).toBe(204);
    expect((await sendAt(now() - 6 * MINUTE_S)).status).toBe(401);
  });

  test('may have its audience encoded twice, as in the device SDK for .NET', async () => {
    const deviceId = 'store:7%40';
    const { json } = await putDevice({ deviceId });
    const key = json.authentication.symmetricKey.primaryKey;
    const resource = `${emulator.hostName}/devices/${encodeURIComponent(deviceId)}`;
    expect((await send(deviceId, { headers: { authorization: token(resource, key) } })).status).toBe(204);
    const other = `${emulator.hostName}/devices/${encodeURIComponent('store:7')}`;
    expect((await send(deviceId, { headers: { authorization: token(other, key) } })).status).toBe(401);
  });
});

describe('a device with a self-signed certificate', () => {
  const certificate = () =>
    generate([{ name: 'commonName', value: 'sensor' }], { keyType: 'ec', algorithm: 'sha256' });

  test.each([
    ['fingerprint', 'primaryThumbprint'],
    ['fingerprint256', 'primaryThumbprint'],
    ['fingerprint256', 'secondaryThumbprint'],
  ] as const)('sends by the %s of it, as its %s', async (kind, field) => {
    const [own, foreign] = [await certificate(), await certificate()];
    const deviceId = `x509-${kind}-${field}`;
    const thumbprint = new X509Certificate(own.cert)[kind].replaceAll(':', '').toLowerCase();
    await putDevice({
      deviceId,
      authentication: { type: 'selfSigned', x509Thumbprint: { [field]: thumbprint } },
    } as { deviceId: string });
    expect((await send(deviceId, { key: own.private, cert: own.cert })).status).toBe(204);
    expect((await send(deviceId, { key: foreign.private, cert: foreign.cert })).status).toBe(401);
    expect((await send(deviceId, {})).status).toBe(401);
    expect(emulator.admin.messages().at(-1)?.deviceId).toBe(deviceId);
  });

  test('is refused a thumbprint that is none', async () => {
    const authentication = { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'abc' } };
    expect((await putDevice({ deviceId: 'x509-bad', authentication } as { deviceId: string })).status).toBe(
      400,
    );
  });
});

test('an edge device has a scope, which its leaf devices take', async () => {
  const edge = await putDevice({ deviceId: 'edge', capabilities: { iotEdge: true } } as { deviceId: string });
  const { deviceScope, generationId } = edge.json;
  expect(deviceScope).toBe(`ms-azure-iot-edge://edge-${generationId}`);
  const leaf = await putDevice({ deviceId: 'leaf', deviceScope } as { deviceId: string });
  expect(leaf.json).toMatchObject({ deviceScope, parentScopes: [deviceScope] });
  const unknown = { deviceId: 'stray', deviceScope: `${deviceScope}0` };
  expect((await putDevice(unknown as { deviceId: string })).status).toBe(400);
  expect((await putDevice({ deviceId: 'alone' })).json).not.toHaveProperty('deviceScope');
});

describe('what is not emulated is refused at once, by name:', () => {
  test.each([
    ['GET', '/messages/servicebound/filenotifications', 'notifications of file uploads'],
    ['POST', '/devices/d/modules/m/messages/events', 'messages of modules over HTTPS'],
    ['GET', '/configurations', 'configurations'],
    ['GET', '/jobs/v2/query', 'scheduled jobs'],
  ])('%s %s', async (method, path, about) => {
    const { status, json } = await call(method, `${path}?${VERSION}`, {
      headers: { authorization: ownerToken() },
    });
    expect(status).toBe(501);
    expect(json.Message).toContain(`does not support ${about}`);
  });

  test('paths and methods that IoT Hub does not have either', async () => {
    expect((await call('GET', `/nothing?${VERSION}`)).json.Message).toContain('no operation at this path');
    expect((await call('PATCH', `/devices/d?${VERSION}`)).status).toBe(405);
  });

  const openWebSocket = (path: string, protocol: string, origin?: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`wss://127.0.0.1:${emulator.hubPort}${path}`, [protocol], {
        ca: emulator.ca,
        ...(origin !== undefined && { origin }),
      });
      socket.on('open', () => {
        resolve(`open ${socket.protocol}`);
        socket.terminate();
      });
      socket.on('unexpected-response', (_, response) => {
        response.on('data', (data: Buffer) => resolve(`${response.statusCode ?? 0} ${data.toString()}`));
      });
    });

  test.each([
    ['https://evil.example', false],
    ['https://localhost.evil.example', false],
    ['https://localhost@evil.example', false],
    ['null', false],
    ['localhost', false],
    ['file://', false],
    ['http://localhost:3000', true],
    ['HTTPS://LOCALHOST', true],
    ['http://127.0.0.1:8080', true],
    ['capacitor://localhost', true],
    ['https://hubfront.azure-devices.localhost:443', true],
  ])('WebSockets of pages with the origin %j: %s', async (origin, isAllowed) => {
    for (const protocol of ['mqtt', 'AMQPWSB10']) {
      const answer = await openWebSocket('/$iothub/websocket', protocol, origin);
      expect(answer).toMatch(isAllowed ? `open ${protocol}` : /^403 .*--allowed-hosts/);
    }
  });

  test('MQTT over WebSockets, and WebSockets elsewhere', async () => {
    expect(await openWebSocket('/$iothub/websocket', 'mqtt')).toBe('open mqtt');
    expect(await openWebSocket('/$iothub/websocket', 'other')).toMatch(
      /^501 .*does not support this WebSocket subprotocol/,
    );
    expect(await openWebSocket('/elsewhere', 'AMQPWSB10')).toMatch(/^400 /);
    expect(await openWebSocket('/$servicebus/websocket/', 'AMQPWSB10')).toBe('open AMQPWSB10');
    expect(await openWebSocket('/$iothub/websocket?iothub-no-client-cert=true', 'amqp')).toBe('open amqp');
  });

  test.each(['amqps', 'wss'])(
    "a device that does not exist, to Microsoft's service client, over %s",
    async (scheme) => {
      const uri =
        scheme === 'amqps'
          ? `amqps://localhost:${emulator.amqpsPort}`
          : `wss://localhost:${emulator.hubPort}/$iothub/websocket`;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['test/oracles/serviceClient.cjs', emulator.connectionStrings.hub('service'), uri],
        { env: { ...process.env, NODE_EXTRA_CA_CERTS: emulator.caFile } },
      );
      expect(stdout).toMatch(/^open\nDeviceNotFoundError: /);
    },
  );
});

describe("AMQP at IoT Hub's own entities", () => {
  /** Attaches a receiver and returns the error with which it is detached. */
  function refusalOf(source: string, login: { username: string; password?: string }): Promise<any> {
    const connection: Connection = rhea.create_container().connect({
      ...{ host: '127.0.0.1', port: emulator.amqpPort, reconnect: false },
      ...login,
    });
    return new Promise((resolve) => {
      connection.on('connection_error', ({ error }: EventContext) => resolve(error));
      connection.on('disconnected', () => undefined);
      connection.on('receiver_error', ({ receiver }: EventContext) => {
        resolve(receiver?.error);
        connection.close();
      });
      connection.open_receiver(source);
    });
  }
  const policyAtHub = 'service@sas.root.hubfront';

  test('redirects from the built-in endpoint to the Event Hub-compatible one', async () => {
    const password = token(`${emulator.hostName}/messages/events`, POLICIES.service.key, {
      policy: 'service',
    });
    const source = `amqps://${emulator.hostName}/messages/events/$management`;
    const error = await refusalOf(source, { username: policyAtHub, password });
    expect(error.condition).toBe('amqp:link:redirect');
    expect(error.info).toMatchObject({
      hostname: emulator.hostName,
      address: `amqps://${emulator.hostName}:5671/hubfront/$management`,
    });
  });

  test('names what it does not have', async () => {
    const error = await refusalOf('/devices/d/modules/m/messages/devicebound', { username: 'anonymous' });
    expect(error).toMatchObject({ condition: 'amqp:not-implemented' });
    expect(error.description).toContain('cloud-to-device messages for modules');
  });

  test.each([
    [
      'a token of a policy without the right',
      () => token(emulator.hostName, POLICIES.device.key, { policy: 'device' }),
    ],
    ['a forged token', () => token(emulator.hostName, POLICIES.device.key, { policy: 'service' })],
    ['no token', () => 'x'],
  ])('refuses %s', async (_, password) => {
    const error = await refusalOf('messages/events', { username: policyAtHub, password: password() });
    expect(error.condition).toBe('amqp:unauthorized-access');
  });
});
