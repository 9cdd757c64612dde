import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Emulator, POLICIES, startEmulator } from '../emulator/index';
import { LOCAL_FUNCTION_KEYS } from '../local/functionKeys';
import { type FunctionsHost, type HostPage, startFunctionsHost } from '../local/functionsHost';
import { freePort } from './freePort';

export const KEY = 'test-function-key';
export const SHOP = 'https://shop.example';

/** The emulator and the built app under the dev host, on ports of their own. */
export interface Stack {
  emulator: Emulator;
  host: FunctionsHost;
  /** all that the app has logged */
  logged: string[];
  /** the app's */
  settings: Readonly<Record<string, string>>;
  register: (deviceId: string, deviceKey?: string) => Promise<Answer>;
  send: (message: object, headers?: Record<string, string>) => Promise<Answer>;
  feed: (query?: Record<string, string | number>) => Promise<Answer>;
  /** with a query as it is written in a URL */
  feedAt: (query: string, headers?: Record<string, string>) => Promise<Answer>;
  /** Ends the app, with what is under way in it, and starts it again on the same port, with these settings beside its own. */
  restartHost: (settings?: Readonly<Record<string, string>>) => Promise<void>;
  close: () => Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: any;
}

export interface StackOptions {
  /** further pages of the dev host */
  pages?: Readonly<Record<string, HostPage>>;
  partitions?: number;
  /** beside, or instead of, those that the app needs for the emulator */
  settings?: Record<string, string> | ((emulator: Emulator) => Record<string, string>);
}

export async function startStack({
  partitions = 4,
  settings = {},
  pages = {},
}: StackOptions = {}): Promise<Stack> {
  const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  const emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions, caFolder });
  const logged: string[] = [];
  const appSettings = {
    IOTHUB_HOSTNAME: emulator.hostName,
    IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
    IOTHUB_EVENTHUB_CONNECTION: emulator.connectionStrings.eventHub('service'),
    MESSAGE_POLL_CONSUMERGROUP: 'message-feed',
    IOTHUB_ENDPOINT: emulator.endpoint,
    IOTHUB_CA_FILE: emulator.caFile,
    CORS_ALLOWED_ORIGINS: SHOP,
    KEEP_ALIVE_FUNCTION_KEY: KEY,
    ...(typeof settings === 'function' ? settings(emulator) : settings),
  };
  let further: Readonly<Record<string, string>> = {};
  const startHost = (port: number): Promise<FunctionsHost> =>
    startFunctionsHost({
      appFolder: process.cwd(),
      port,
      pages,
      functionKeys: { ...LOCAL_FUNCTION_KEYS, master: KEY },
      log: (line) => logged.push(line),
      settings: () => ({ ...appSettings, ...further }),
    });
  // Nobody else gets this port while the host restarts.
  let host = await startHost(await freePort());
  const withKey = { 'x-functions-key': KEY };
  const feedAt: Stack['feedAt'] = (query, headers) =>
    call(`${host.url}/api/message_feed${query}`, { headers: { ...withKey, ...headers } });
  return {
    emulator,
    get host() {
      return host;
    },
    logged,
    settings: appSettings,
    register: (deviceId, deviceKey) => post(`${host.url}/api/devices`, { deviceId, deviceKey }, withKey),
    send: (message, headers) => post(`${host.url}/api/messages`, message, headers),
    feed: (query = {}) => {
      const parameters = Object.entries(query).map(([name, value]): [string, string] => [
        name,
        String(value),
      ]);
      return feedAt(`?${new URLSearchParams(parameters).toString()}`);
    },
    feedAt,
    restartHost: async (settings = {}) => {
      further = settings;
      const { port } = new URL(host.url);
      await host.close();
      host = await startHost(Number(port));
    },
    close: async () => {
      await host.close();
      await emulator.close();
      await rm(caFolder, { recursive: true, force: true });
    },
  };
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return call(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}
