import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { type Emulator, type EmulatorOptions, POLICIES, startEmulator } from '../../emulator/index';

export const VERSION = 'api-version=2021-04-12';
const HOUR_S = 3_600;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly json: any;
}

/** An emulator of one test file, and what a service and a device do with it. */
export interface TestHub {
  readonly emulator: Emulator;
  /** A request of a service with the owner's token. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Registers a device and returns its key. */
  register(deviceId: string, identity?: object): Promise<string>;
  /** Options of an MQTT client for a device; `key` signs its token. */
  mqttOptions(deviceId: string, key: string, options?: IClientOptions): IClientOptions;
  /** Registers a device and connects it over MQTT, with `mqtt` of npm. */
  connect(deviceId: string, options?: IClientOptions): Promise<MqttClient>;
  close(): Promise<void>;
}

/** A token as a device or a service makes it. */
export function sasToken(resource: string, key: string, { policy = '', expiry = 0 } = {}): string {
  const sr = encodeURIComponent(resource);
  const se = expiry === 0 ? Math.floor(Date.now() / 1000) + HOUR_S : expiry;
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}${policy && `&skn=${policy}`}`;
}

export const connected = (client: MqttClient): Promise<void> =>
  new Promise((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });

/** Waits for the end of a connection, however it ends. */
export function closed(client: MqttClient): Promise<void> {
  client.on('error', () => undefined);
  return new Promise((resolve) => client.once('close', resolve));
}

export async function startHub(options: EmulatorOptions = {}): Promise<TestHub> {
  const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  const emulator = await startEmulator({ partitions: 1, caFolder, ...options });
  const clients: MqttClient[] = [];
  const authorization = sasToken(emulator.hostName, POLICIES.iothubowner.key, { policy: 'iothubowner' });

  const call: TestHub['call'] = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          method,
          path: `${path}${path.includes('?') ? '&' : '?'}${VERSION}`,
          host: '127.0.0.1',
          port: emulator.hubPort,
          ca: emulator.ca,
          agent: false,
          headers: { authorization, 'content-type': 'application/json', ...headers },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (data: string) => (text += data));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              json: text === '' ? undefined : JSON.parse(text),
            }),
          );
        },
      );
      outgoing.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });

  const register: TestHub['register'] = async (deviceId, identity = {}) => {
    const { json } = await call('PUT', `/devices/${encodeURIComponent(deviceId)}`, { deviceId, ...identity });
    return json.authentication.symmetricKey.primaryKey ?? '';
  };

  const mqttOptions: TestHub['mqttOptions'] = (deviceId, key, own = {}) => ({
    host: '127.0.0.1',
    port: emulator.mqttPort,
    protocol: 'mqtts',
    protocolVersion: 4,
    ca: emulator.ca,
    clientId: deviceId,
    username: `${emulator.hostName}/${deviceId}/?${VERSION}`,
    password: sasToken(`${emulator.hostName}/devices/${deviceId}`, key),
    reconnectPeriod: 0,
    ...own,
  });

  return {
    emulator,
    call,
    register,
    mqttOptions,
    async connect(deviceId, own) {
      const client = mqtt.connect(mqttOptions(deviceId, await register(deviceId), own));
      clients.push(client);
      await connected(client);
      return client;
    },
    async close() {
      for (const client of clients) client.end(true);
      await emulator.close();
      await rm(caFolder, { recursive: true, force: true });
    },
  };
}
