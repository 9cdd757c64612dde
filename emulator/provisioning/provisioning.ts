/** The emulated Device Provisioning Service: its state, and its endpoints. */

import type { IncomingMessage } from 'node:http';
import type { IConnectPacket } from 'mqtt-packet';
import type { Journal } from '../dataFolder';
import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import type { MqttConnection } from '../mqtt';
import { hostNameOf } from '../transport';
import { PROVISIONING } from '../wellKnown';
import { createDeviceOperations } from './deviceOperations';
import { createEnrollments, type Enrollments } from './enrollments';
import { createHttpHandler, isProvisioningPath } from './httpHandler';
import { MAX_ENROLLMENT_GROUPS, MAX_INDIVIDUAL_ENROLLMENTS } from './limits';
import { isRegistration, openRegistrationSession, type RegistrationSession } from './registrationSession';
import { createRegistrations } from './registrations';

export interface Provisioning {
  readonly individual: Enrollments;
  readonly groups: Enrollments;
  /** Removes the enrollments with their registrations. @throws IotHubError ServiceUnavailable */
  clear(): void;
  /** Whether a request is for this service, not for a hub. `isHub`: whether a host name is that of a hub. */
  accepts(request: IncomingMessage, isHub: (hostName: string) => boolean): boolean;
  handle(request: IncomingMessage): Promise<HubResponse>;
  /** Serves an MQTT client; undefined if it connects to a hub. */
  connectMqtt(packet: IConnectPacket, mqtt: MqttConnection): RegistrationSession | undefined;
}

/** Assigns devices to the hubs. The state is kept in the journal. */
export function createProvisioning(hubs: readonly Hub[], journal: Journal): Provisioning {
  const linkedHubs = hubs.map(({ identity }) => identity.hostName);
  const registrations = createRegistrations(hubs, journal);
  const shared = { linkedHubs, journal, onRemove: registrations.removeOf };
  const individual = createEnrollments({ kind: 'enrollment', max: MAX_INDIVIDUAL_ENROLLMENTS, ...shared });
  const groups = createEnrollments({ kind: 'enrollmentGroup', max: MAX_ENROLLMENT_GROUPS, ...shared });
  const { idScope, hostName, globalHostName } = PROVISIONING;
  const device = createDeviceOperations({ idScope, individual, groups, registrations });
  const handle = createHttpHandler(PROVISIONING, device, { individual, groups, registrations });
  return {
    individual,
    groups,
    clear() {
      individual.clear();
      groups.clear();
    },
    accepts({ headers, url = '/' }, isHub) {
      const host = hostNameOf(headers.host) ?? '';
      if (host === hostName || host === globalHostName) return true;
      return !isHub(host) && isProvisioningPath(url);
    },
    handle,
    connectMqtt: (packet, mqtt) =>
      isRegistration(packet) ? openRegistrationSession(device, packet, mqtt) : undefined,
  };
}
