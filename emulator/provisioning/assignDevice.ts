/** Assigns a device to a hub, and creates or moves its identity. */

import { createHash } from 'node:crypto';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { DeviceIdentity } from '../registry';
import type { JsonObject, Twin } from '../twins';
import type { Attestation } from './attestation';
import type { Enrollment } from './enrollment';
import { ProvisioningError } from './provisioningError';

/** The version of the reported properties, and the number of changes by services, of a new twin. */
const FIRST_VERSION = 1;

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
 * The hubs store their changes separately. The old identity is removed last, so that a failure loses no data, and the
 * next attempt continues.
 *
 * @throws IotHubError if a hub cannot store the change; ProvisioningError if the hubs of the enrollment are not linked
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
  const authentication = { type: 'sas' as const, symmetricKey: keys };
  const keepsData = moved !== undefined && enrollment.migrateDeviceData;
  const existing = to.registry.find(deviceId);
  if (existing) {
    setKeys(to, existing, keys);
    if (moved && from === to) return { assignment, substatus: 'reprovisionedToInitialAssignment' };
  } else {
    const capabilities = keepsData ? moved.capabilities : { iotEdge: enrollment.iotEdge };
    const { status, statusReason } = moved ?? {};
    to.registry.create(deviceId, { authentication, capabilities, status, statusReason });
  }
  try {
    // Also if the device exists: an earlier attempt may have ended after it had created the device.
    fillTwin(to, deviceId, (keepsData ? from?.twins.get(deviceId) : undefined) ?? enrollment);
    if (moved) from?.registry.remove(deviceId, '*');
  } catch (error) {
    if (!existing) removeIfPossible(to, deviceId);
    throw error;
  }
  if (!moved) return { assignment, substatus: 'initialAssignment' };
  return { assignment, substatus: keepsData ? 'deviceDataMigrated' : 'deviceDataReset' };
}

/** Fills the sections of a twin that nobody has changed since the device was created. */
function fillTwin(hub: Hub, deviceId: string, source: Twin | Enrollment): void {
  const { tags, desired, reported } =
    'reported' in source
      ? { tags: source.tags, desired: source.desired.values, reported: source.reported.values }
      : { ...source, reported: undefined };
  const twin = hub.twins.get(deviceId);
  if (!isEmpty(reported) && twin.reported.version === FIRST_VERSION) {
    hub.twins.report(deviceId, reported, undefined);
  }
  if ((isEmpty(tags) && isEmpty(desired)) || twin.revision !== FIRST_VERSION) return;
  hub.twins.replace(deviceId, { tags, desired }, '*');
}

const isEmpty = (document: JsonObject | undefined): document is undefined =>
  document === undefined || Object.keys(document).length === 0;

function setKeys({ registry }: Hub, existing: DeviceIdentity, keys: Attestation['keys']): void {
  if (hasKeys(existing, keys)) return;
  const { deviceId, parentScopes, ...others } = existing;
  const parents = parentScopes && { parentScopes: [...parentScopes] };
  const authentication = { type: 'sas' as const, symmetricKey: keys };
  registry.update(deviceId, { ...others, ...parents, authentication }, '*');
}

/** If the disk still fails, the next attempt finds the device. */
function removeIfPossible({ registry }: Hub, deviceId: string): void {
  try {
    registry.remove(deviceId, '*');
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
  }
}

/** Each hub is equally likely. On one machine, each has the same latency, so `geoLatency` hashes as well. */
function chooseHub(hubs: readonly Hub[], enrollment: Enrollment, registrationId: string): Hub {
  const linked = hubs.filter(({ identity }) => enrollment.hubs.includes(identity.hostName));
  if (linked.length === 0 && enrollment.hubs.length > 0) {
    throw new ProvisioningError(
      'BadRequest',
      `The enrollment names hubs that are not linked: ${enrollment.hubs.join(', ')}.`,
    );
  }
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
