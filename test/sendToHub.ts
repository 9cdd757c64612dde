import { readFile } from 'node:fs/promises';
import { SharedAccessSignature } from 'azure-iot-common';
import { Agent, fetch } from 'undici';
import type { Emulator } from '../emulator/index';

/** Sends a message as a device, directly to the hub. @returns the status */
export async function sendToHub(
  { hostName, endpoint, caFile }: Emulator,
  { deviceId, deviceKey }: { deviceId: string; deviceKey: string },
  body: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const expiry = Math.ceil(Date.now() / 1_000) + 3_600;
  const authorization = SharedAccessSignature.create(
    `${hostName}/devices/${deviceId}`,
    '',
    deviceKey,
    expiry,
  );
  const dispatcher = new Agent({ connect: { ca: await readFile(caFile), servername: hostName } });
  const { status } = await fetch(`${endpoint}/devices/${deviceId}/messages/events?api-version=2021-04-12`, {
    method: 'POST',
    dispatcher,
    headers: { host: hostName, authorization: authorization.toString(), ...headers },
    body,
  });
  await dispatcher.close();
  return status;
}
