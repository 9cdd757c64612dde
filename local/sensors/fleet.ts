/** Registers the sensors of all stores and starts them. */

import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { type Running, closeAll } from '../lifecycle';
import { startSensor } from './sensor';
import { STORES, type Store } from './stores';

const TIMEOUT_MS = 20_000;

interface FleetOptions {
  /** of the functions: `http://localhost:7071` */
  functionsUrl: string;
  /** function key of `registerDevice` */
  functionKey: string;
  /** port of MQTT on 127.0.0.1 */
  mqttPort: number;
  /** certificate authority of the hub */
  caFile: string;
  log: (line: string) => void;
}

const registration = z.object({ hostName: z.string() });

/**
 * Starts one sensor per store. Each is a device of its own.
 *
 * @throws Error if a sensor cannot be registered or cannot connect
 */
export async function startFleet(options: FleetOptions): Promise<Running> {
  const ca = await readFile(options.caFile, 'utf8');
  const running: Running[] = [];
  try {
    for (const store of STORES) {
      const connectionString = await register(store, options);
      running.push(await startSensor({ store, connectionString, ca, log: options.log }));
    }
  } catch (error) {
    await closeAll(running);
    throw error;
  }
  return { close: () => closeAll(running) };
}

/** Registers a sensor as a phone would. It can be repeated, because the key is the same each time. */
async function register(
  { deviceId, deviceKey }: Store,
  { functionsUrl, functionKey, mqttPort }: FleetOptions,
): Promise<string> {
  const response = await fetch(`${functionsUrl}/api/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': functionKey },
    body: JSON.stringify({ deviceId, deviceKey }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${deviceId} could not be registered: status ${response.status}`);
  const { hostName } = registration.parse(await response.json());
  // The SDK connects to the gateway's address, and names the hub when it logs in.
  return `HostName=${hostName};DeviceId=${deviceId};SharedAccessKey=${deviceKey};GatewayHostName=127.0.0.1:${mqttPort}`;
}
