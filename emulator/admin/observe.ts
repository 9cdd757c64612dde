/** What the admin page shows of devices, twins and messages. */

import { z } from 'zod';
import { armedFault, immediateFault } from '../faults';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { PartitionLog } from '../partitionLog';
import type { DeviceIdentity, ModuleIdentity } from '../registry';
import { twinJson } from '../twins';
import { AdminError } from './adminError';
import { storedMessage, type StoredMessage } from './storedMessage';

/** A body is cut after this many characters, which limits the size of a response. */
const MAX_BODY_CHARS = 2_000;

/** A module without its keys. */
type ModuleState = Pick<ModuleIdentity, 'moduleId' | 'connectionState' | 'lastActivityTime'>;

/** A device without its keys. */
export type DeviceState = Pick<
  DeviceIdentity,
  'deviceId' | 'status' | 'connectionState' | 'lastActivityTime' | 'cloudToDeviceMessageCount'
> & {
  /** In the order of registration. */
  readonly modules: readonly ModuleState[];
};

export interface DeviceList {
  /** In the order of registration. */
  readonly devices: readonly DeviceState[];
  /** Number of all devices of the hub. */
  readonly total: number;
}

export type MessagePreview = Omit<StoredMessage, 'bodyBase64'>;

/** The devices whose id contains `search`, at most `limit`. */
export function listDevices(hub: Hub, limit: number, search: string): DeviceList {
  const devices: DeviceState[] = [];
  for (const device of hub.registry.all()) {
    if (devices.length >= limit) break;
    if (!device.deviceId.includes(search)) continue;
    const { deviceId, status, connectionState, lastActivityTime, cloudToDeviceMessageCount } = device;
    const modules = hub.modules.listOf(deviceId).map(stateOfModule);
    devices.push({ deviceId, status, connectionState, lastActivityTime, cloudToDeviceMessageCount, modules });
  }
  return { devices, total: hub.registry.count().total };
}

const stateOfModule = ({ moduleId, connectionState, lastActivityTime }: ModuleIdentity): ModuleState => ({
  moduleId,
  connectionState,
  lastActivityTime,
});

/** The twin as services see it. `clientId`: `<device>` or `<device>/<module>`. @throws AdminError 404 */
export function readTwin(hub: Hub, clientId: string): object {
  try {
    return twinJson(hub.clients.get(clientId), hub.twins.get(clientId));
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    throw new AdminError(404, 'there is no device or module with this id');
  }
}

/** The newest messages of all partitions, the newest first. Decodes no more messages than it returns and one a partition. */
export function latestMessages(partitions: readonly PartitionLog[], limit: number): MessagePreview[] {
  const found: StoredMessage[] = [];
  const heads = partitions.map((log) => ({ log, message: storedMessage(log, log.lastSequenceNumber) }));
  while (found.length < limit) {
    const [newest] = heads
      .filter(({ message }) => message !== undefined)
      .sort((a, b) => ((a.message?.enqueuedTimeUtc ?? '') < (b.message?.enqueuedTimeUtc ?? '') ? 1 : -1));
    if (!newest?.message) break;
    found.push(newest.message);
    newest.message = storedMessage(newest.log, newest.message.sequenceNumber - 1);
  }
  return found.map(preview);
}

function preview(message: StoredMessage): MessagePreview {
  const { bodyBase64, ...shown } = message;
  return bodyBase64.length <= MAX_BODY_CHARS
    ? shown
    : { ...shown, body: shown.body.slice(0, MAX_BODY_CHARS) };
}

/** The JSON schema of each kind of fault. */
export const faultSchemas = (): Record<string, unknown> =>
  Object.fromEntries(
    [...armedFault.options, ...immediateFault.options].map((option) => [
      option.shape.kind.value,
      z.toJSONSchema(option, { io: 'input' }),
    ]),
  );
