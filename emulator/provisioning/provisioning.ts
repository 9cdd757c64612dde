/** The emulated Device Provisioning Service: its state, and its endpoints. */

import type { IncomingMessage } from 'node:http';
import type { IConnectPacket } from 'mqtt-packet';
import type { Journal } from '../dataFolder';
import { isRegistration, type ConnectOther } from '../eventHub';
import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import type { MqttConnection } from '../mqtt';
import type { Log } from '../log';
import { hostNameOf, type Transport } from '../transport';
import { PROVISIONING } from '../wellKnown';
import { createDeviceOperations } from './deviceOperations';
import { createEnrollments, type Enrollments } from './enrollments';
import { createHttpHandler, isProvisioningPath } from './httpHandler';
import { MAX_ENROLLMENT_GROUPS, MAX_INDIVIDUAL_ENROLLMENTS } from './limits';
import { openRegistrationLinks } from './registrationLinks';
import { isMqttRegistration, openRegistrationSession, type RegistrationSession } from './registrationSession';
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
  connectMqtt(
    packet: IConnectPacket,
    mqtt: MqttConnection,
    transport: Transport,
  ): RegistrationSession | undefined;
  /** Serves an AMQP client; undefined if it connects to a hub. */
  readonly connectAmqp: ConnectOther;
}

export interface ProvisioningOptions {
  /** To which devices are assigned. */
  readonly hubs: readonly Hub[];
  /** Keeps the state. */
  readonly journal: Journal;
  /** Whether a host name in lower case is one of the emulator itself, not of a hub. */
  readonly isOwnHost: (hostName: string) => boolean;
  readonly log: Log;
}

export function createProvisioning({ hubs, journal, isOwnHost, log }: ProvisioningOptions): Provisioning {
  const linkedHubs = hubs.map(({ identity }) => identity.hostName);
  const registrations = createRegistrations(hubs, journal);
  const shared = { linkedHubs, journal, onRemove: registrations.removeOf };
  const individual = createEnrollments({ kind: 'enrollment', max: MAX_INDIVIDUAL_ENROLLMENTS, ...shared });
  const groups = createEnrollments({ kind: 'enrollmentGroup', max: MAX_ENROLLMENT_GROUPS, ...shared });
  const { idScope, hostName, globalHostName } = PROVISIONING;
  const device = createDeviceOperations({ idScope, individual, groups, registrations });
  const isServiceHost = (name: string): boolean => name === hostName || name === globalHostName;
  const isAllowed = (name: string | undefined): boolean =>
    name === undefined || name === '' || isServiceHost(name) || isOwnHost(name);
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
      if (isServiceHost(host)) return true;
      return !isHub(host) && isProvisioningPath(url);
    },
    handle,
    connectMqtt(packet, mqtt, transport) {
      if (!isMqttRegistration(packet)) return undefined;
      const isHere = transport.hostNames.every(isAllowed);
      return openRegistrationSession({ device, packet, mqtt, transport, isHere, log });
    },
    connectAmqp(opened) {
      if (!isRegistration(opened)) return undefined;
      return openRegistrationLinks({ device, ...opened, isHere: opened.hostNames.every(isAllowed), log });
    },
  };
}
