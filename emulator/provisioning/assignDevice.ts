/** Assigns a device to a hub, and creates or moves its identity. */

import { createHash } from 'node:crypto';
import type { Hub } from '../hub';
import type { DeviceIdentity, DeviceInput } from '../registry';
import type { Attestation } from './attestation';
import type { Enrollment } from './enrollment';

/** Where a device was assigned. */
export interface Assignment {
  /** The host name of the hub. */
  readonly hub: string;
  readonly deviceId: string;
}

/** rest/api/iot-dps, AssignedDeviceSubstatus. */
export type Substatus =
  'initialAssignment' | 'deviceDataMigrated' | 'deviceDataReset' | 'reprovisionedToInitialAssignment';

/**
 * Assigns a device by the allocation policy of its enrollment, or again by its reprovisioning policy (iot-dps,
 * concepts-device-reprovision). The identity gets the keys of the enrollment. A new identity gets the initial twin.
 *
 * @throws IotHubError if a hub cannot store the change
 */
export function assignDevice(
  hubs: readonly Hub[],
  { registrationId, enrollment, keys }: Attestation,
  previous: Assignment | undefined,
): { readonly assignment: Assignment; readonly substatus: Substatus } {
  const from = previous && hubs.find(({ identity }) => identity.hostName === previous.hub);
  const moved = previous && from?.registry.find(previous.deviceId);
  const deviceId = moved?.deviceId ?? enrollment.deviceId ?? registrationId;
  const stays = from !== undefined && moved !== undefined && !enrollment.updateHubAssignment;
  const to = stays ? from : chooseHub(hubs, enrollment, registrationId);
  const assignment = { hub: to.identity.hostName, deviceId };
  const authentication: DeviceInput['authentication'] = { type: 'sas', symmetricKey: keys };
  const existing = to.registry.find(deviceId);
  if (existing) {
    const { parentScopes, ...others } = existing;
    const parents = parentScopes && { parentScopes: [...parentScopes] };
    if (!hasKeys(existing, keys)) {
      to.registry.update(deviceId, { ...others, ...parents, authentication }, '*');
    }
    if (moved && from !== to) from?.registry.remove(deviceId, '*');
    return {
      assignment,
      substatus: moved && from === to ? 'reprovisionedToInitialAssignment' : 'initialAssignment',
    };
  }
  const keepsData = moved !== undefined && enrollment.migrateDeviceData;
  const capabilities = keepsData ? moved.capabilities : { iotEdge: enrollment.iotEdge };
  to.registry.create(deviceId, { authentication, capabilities });
  const twin = keepsData ? from?.twins.get(deviceId) : undefined;
  const tags = twin?.tags ?? enrollment.tags;
  const desired = twin?.desired.values ?? enrollment.desired;
  if (tags ?? desired) to.twins.replace(deviceId, { tags, desired }, '*');
  if (twin) to.twins.report(deviceId, twin.reported.values, undefined);
  if (!moved) return { assignment, substatus: 'initialAssignment' };
  from?.registry.remove(deviceId, '*');
  return { assignment, substatus: keepsData ? 'deviceDataMigrated' : 'deviceDataReset' };
}

/** Each hub is equally likely. On one machine, each has the same latency, so `geoLatency` hashes as well. */
function chooseHub(hubs: readonly Hub[], enrollment: Enrollment, registrationId: string): Hub {
  const linked = hubs.filter(({ identity }) => enrollment.hubs.includes(identity.hostName));
  const candidates = linked.length > 0 ? linked : hubs;
  const hash = createHash('sha256').update(registrationId.toLowerCase()).digest().readUInt32BE();
  const chosen = candidates[hash % candidates.length];
  if (!chosen) throw new Error('no hub is linked');
  return chosen;
}

const hasKeys = ({ authentication }: DeviceIdentity, keys: Attestation['keys']): boolean =>
  authentication.type === 'sas' &&
  authentication.symmetricKey.primaryKey === keys.primaryKey &&
  authentication.symmetricKey.secondaryKey === keys.secondaryKey;
