/** What the benches of sending share: the hub, the app, the bare proxy, and a message through each of them. */
import { SharedAccessSignature } from 'azure-iot-common';
import { startEmulatorProcess } from '../emulatorProcess';
import { type Child, startScript } from './childProcess';
import { hostApp } from './hostApp';
import type { LoadRequest } from './load';

/** Function key of the app. */
export const KEY = 'bench';
export const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
export const EVENT = {
  event: 'browse_product',
  event_value: 'https://shop.example/ja/shop/products/162-spangle-bag?color=379',
  product_id: 162,
};
export const BARE_NAME = 'node:http + undici pool, as a function in the same host';
const JSON_HEADERS = { 'content-type': 'application/json', origin: 'https://shop.example' };
const VISITOR_SETTINGS = {
  VISITOR_DEVICES: '16',
  VISITOR_KEY: Buffer.alloc(32, 2).toString('base64'),
};

/** An app in the dev host, in processes of its own. */
export interface HostedApp {
  port: number;
  /** the host and its worker */
  pids: readonly number[];
  workerPid: number;
  close: () => Promise<void>;
}

export function hostedApp({ ready, pid, close }: Child): HostedApp {
  const [port = 0, workerPid = 0] = ready.split(' ').map(Number);
  return { port, pids: [pid, workerPid], workerPid, close };
}

/**
 * Starts an emulator, the app with a registered device, and in the same kind of host the bare proxy and functions
 * without a hub.
 */
export async function startFronts() {
  const emulator = await startEmulatorProcess(4);
  const { settings } = emulator;
  const closing: (() => Promise<void>)[] = [emulator.close];
  const close = async (): Promise<void> => {
    for (const end of closing.reverse()) await end();
  };
  const started = async (starting: Promise<Child>): Promise<HostedApp> => {
    const app = hostedApp(await starting);
    closing.push(app.close);
    return app;
  };
  try {
    const appSettings = JSON.stringify({ ...settings, ...VISITOR_SETTINGS });
    const env = { BENCH_SETTINGS: appSettings, BENCH_KEY: KEY };
    const app = await started(startScript('bench/sending/runHost.ts', env));
    await registerDevice(app.port);
    const bare = await started(hostApp('bench/sending/bareApp.ts', settings));
    const empty = await started(hostApp('bench/sending/emptyApp.ts', settings));
    return { emulator, app, bare, empty, ...requestsTo(settings.IOTHUB_HOSTNAME), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function requestsTo(hubHostName: string): Record<'ordinary' | 'straight' | 'throughBare', LoadRequest> {
  const straight = {
    path: '/devices/bench/messages/events?api-version=2021-04-12',
    headers: { ...JSON_HEADERS, authorization: deviceToken(hubHostName) },
    body: (n: number) => JSON.stringify({ deviceId: 'bench', Data: { ...EVENT, n } }),
    expected: 204,
  };
  return {
    /** a message of an ordinary device through the app */
    ordinary: {
      path: '/api/messages',
      headers: JSON_HEADERS,
      body: (n) =>
        JSON.stringify({ deviceId: 'bench', deviceKey: DEVICE_KEY, deviceMessage: { ...EVENT, n } }),
      expected: 201,
    },
    /** the same message to the hub, with the device's token */
    straight,
    /** the same through the bare proxy in the host */
    throughBare: { ...straight, path: `/api${straight.path}` },
  };
}

async function registerDevice(port: number): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${port}/api/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': KEY },
    body: JSON.stringify({ deviceId: 'bench', deviceKey: DEVICE_KEY }),
  });
  if (status !== 201) throw new Error(`the device could not be registered: ${status}`);
}

function deviceToken(host: string): string {
  const expiry = Math.ceil(Date.now() / 1_000) + 3_600;
  return SharedAccessSignature.create(`${host}/devices/bench`, '', DEVICE_KEY, expiry).toString();
}
