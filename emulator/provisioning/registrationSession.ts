/** A device that registers over MQTT (iot-dps, iot-dps-mqtt-support). */

import type { IConnectPacket, IPublishPacket, Packet } from 'mqtt-packet';
import type { Log } from '../log';
import type { MqttConnection } from '../mqtt';
import { tokenFor } from '../sas';
import type { Transport } from '../transport';
import { DEVICE_RESOURCE } from '../wellKnown';
import type { AttestationInput } from './attestation';
import type { DeviceOperations } from './deviceOperations';
import { RETRY_AFTER_SECONDS } from './limits';
import { errorDetails, responseError } from './provisioningError';

/** `<id scope>/registrations/<registration id>/api-version=…`; some SDKs write `?` before the version. */
const USER_NAME = /^([^/]+)\/registrations\/([^/?]+)\/?\??api-version=20\d\d-\d\d-\d\d/;
const RESPONSE_FILTER = '$dps/registrations/res/#';
const REGISTER = /^\$dps\/registrations\/PUT\/iotdps-register\/\?(.*)$/;
const GET_STATUS = /^\$dps\/registrations\/GET\/iotdps-get-operationstatus\/\?(.*)$/;

/** Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3). */
const ACCEPTED = 0;
const UNACCEPTABLE_PROTOCOL_VERSION = 1;
const NOT_AUTHORIZED = 5;
const MQTT_3_1_1 = 4;

interface Connecting {
  readonly device: DeviceOperations;
  readonly packet: IConnectPacket;
  readonly mqtt: MqttConnection;
  readonly transport: Pick<Transport, 'peer' | 'clientCertificate'>;
  /** Whether the client may reach the service under the host names that it used. */
  readonly isHere: boolean;
  readonly log: Log;
}

/** Serves the packets of a client after its CONNECT. Undefined: the client was refused. */
export type RegistrationSession = (packet: Packet) => void;

/** Whether the client connects to the Device Provisioning Service, not to a hub. */
export const isMqttRegistration = ({ username }: IConnectPacket): boolean =>
  DEVICE_RESOURCE.test(username ?? '');

/**
 * Answers a CONNECT. As in Azure, the signature of the token is only checked with each request: a wrong one gets a
 * response with the status 401 (azure-docs#43157).
 */
export function openRegistrationSession(connecting: Connecting): RegistrationSession {
  const { packet, mqtt, transport, isHere, log } = connecting;
  const [, idScope = '', registrationId = ''] = USER_NAME.exec(packet.username ?? '') ?? [];
  const token = packet.password?.toString('utf8');
  const resource = `${idScope}/registrations/${registrationId}`;
  const hasCertificate = transport.clientCertificate() !== undefined;
  const isKnown =
    isHere &&
    packet.clientId === registrationId &&
    (token === undefined ? hasCertificate : tokenFor(token, resource, Date.now() / 1_000) !== undefined);
  const returnCode =
    packet.protocolVersion !== MQTT_3_1_1
      ? UNACCEPTABLE_PROTOCOL_VERSION
      : isKnown && !packet.will
        ? ACCEPTED
        : NOT_AUTHORIZED;
  const outcome = returnCode === ACCEPTED ? 'accepted' : `refused with code ${returnCode}`;
  log.debug(() => `${transport.peer} CONNECT '${packet.clientId}' for provisioning: ${outcome}`);
  mqtt.send({ cmd: 'connack', returnCode, sessionPresent: false });
  if (returnCode !== ACCEPTED) {
    mqtt.close();
    return () => undefined;
  }
  return createSession(connecting, { idScope, registrationId, token, hasCertificate });
}

function createSession(
  { device, mqtt, transport, log }: Connecting,
  input: AttestationInput,
): RegistrationSession {
  let isSubscribed = false;

  const respond = (name: string, requestId: string, operation: () => { status: number; body: object }) => {
    let outcome: { status: number; body: object };
    try {
      outcome = operation();
    } catch (error) {
      outcome = errorDetails(responseError(error, log));
    }
    const { status } = outcome;
    log.debug(() => `${transport.peer} registration '${input.registrationId}': ${name}, ${status}`);
    if (!isSubscribed) return;
    const retryAfter = outcome.status === 202 ? `&retry-after=${RETRY_AFTER_SECONDS}` : '';
    mqtt.send({
      ...{ cmd: 'publish', qos: 0, dup: false, retain: false },
      topic: `$dps/registrations/res/${outcome.status}/?$rid=${requestId}${retryAfter}`,
      payload: JSON.stringify(outcome.body),
    });
  };

  const publish = (packet: IPublishPacket): void => {
    const [, registerQuery] = REGISTER.exec(packet.topic) ?? [];
    const [, statusQuery] = GET_STATUS.exec(packet.topic) ?? [];
    const query = new URLSearchParams(registerQuery ?? statusQuery ?? '');
    const requestId = query.get('$rid');
    // A response topic must not have wildcards (MQTT 3.1.1, 3.3.2.1).
    if (packet.qos === 2 || requestId === null || !/^[\w.:-]{0,128}$/.test(requestId)) {
      mqtt.close();
      return;
    }
    if (packet.qos === 1) mqtt.send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
    const payload = Buffer.from(packet.payload);
    respond(registerQuery === undefined ? 'status' : 'register', requestId, () =>
      registerQuery === undefined
        ? { status: 200, body: device.operationStatus(input, query.get('operationId') ?? '') }
        : { status: 202, body: device.register(input, payload) },
    );
  };

  return (packet) => {
    switch (packet.cmd) {
      case 'publish':
        publish(packet);
        break;
      case 'subscribe': {
        if (!packet.subscriptions.every(({ topic }) => topic === RESPONSE_FILTER)) {
          mqtt.close();
          return;
        }
        isSubscribed = true;
        const granted = packet.subscriptions.map(() => 0);
        mqtt.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
        break;
      }
      case 'unsubscribe':
        isSubscribed = false;
        mqtt.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted: [] });
        break;
      case 'pingreq':
        mqtt.send({ cmd: 'pingresp' });
        break;
      default: // DISCONNECT, a packet of QoS 2, or one that only servers send
        mqtt.close();
    }
  };
}
