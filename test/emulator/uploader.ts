/** The requests with which devices begin and end file uploads. */

import type { Emulator } from '../../emulator/index';
import { sasToken, type Answer, type TestHub } from './hub';

/** A request of the device. */
export const callAs =
  (emulator: Pick<Emulator, 'hostName'>, owner: TestHub, deviceId: string, key: string) =>
  (path: string, body: unknown): Promise<Answer> =>
    owner.call('POST', `/devices/${deviceId}/files${path}`, body, {
      authorization: sasToken(`${emulator.hostName}/devices/${deviceId}`, key),
    });

export async function uploader(owner: TestHub, deviceId: string) {
  return callAs(owner.emulator, owner, deviceId, await owner.register(deviceId));
}
