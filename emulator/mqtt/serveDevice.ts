import type { IConnectPacket, IPublishPacket, ISubscribePacket, Packet } from 'mqtt-packet';
import { callAt } from '../callAt';
import type { DeviceConnection } from '../deviceConnections';
import { applyDeviceFault } from '../deviceFaults';
import { IotHubError } from '../iotHubError';
import { readMethodPayload } from '../methods';
import { partitionOf } from '../partitionLog';
import { clientIdOf, deviceIdOf } from '../registry';
import type { Transport } from '../transport';
import { createMqttConnection } from './connection';
import type { ConnectOther } from './connectOther';
import { describePacket } from './describePacket';
import { MAX_DELAYED_MESSAGES, MAX_SUBSCRIPTIONS } from './limits';
import { ACCEPTED, logIn, refusalOf, userNameHost } from './login';
import { acknowledge, createTelemetrySender, readWill, type TelemetrySender } from './publishTelemetry';
import type { ServedHub, Subscriptions } from './sessions';
import { bytesOf } from './payload';
import { createMessageDelivery, type MessageDelivery } from './deliverMessages';
import { deviceConnection } from './deviceConnection';
import { readFilter, readTopic } from './topics';
import { createTwinResponder, type TwinResponder } from './twinRequests';

/** A client that has logged in as a device or a module. */
interface Device {
  readonly clientId: string;
  readonly subscriptions: Subscriptions;
  readonly connection: DeviceConnection;
  readonly telemetry: TelemetrySender;
  readonly messages: MessageDelivery;
  readonly respondToTwinRequest: TwinResponder;
}

/**
 * Serves one MQTT 3.1.1 client by the rules of IoT Hub (iot-mqtt-connect-to-iot-hub).
 *
 * @param selectHub returns the hub for the host in the user name of CONNECT
 * @param connectOther connects a client of another service
 */
export function serveDevice(
  transport: Transport,
  selectHub: (hostName: string) => ServedHub,
  connectOther: ConnectOther,
): void {
  let { hub, sessions } = selectHub('');
  let device: Device | undefined;
  /** Serves the packets of a client of another service. */
  let serveOther: ReturnType<ConnectOther>;
  /** Packets that came in one chunk with a CONNECT that a fault delays. */
  let early: Packet[] | undefined;
  let hasEnded = false;
  let sendWill = (): void => undefined;
  let cancelExpiry = (): void => undefined;
  const mqtt = createMqttConnection(transport, { onChunk, onConnect, onPacket, onEnd });

  function onChunk(parse: () => void): boolean {
    const partition =
      device && hub.partitions[partitionOf(deviceIdOf(device.clientId), hub.partitions.length)];
    try {
      if (partition) partition.group(parse);
      else parse();
      return true;
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      return false;
    }
  }

  function onConnect(packet: IConnectPacket): void {
    serveOther = connectOther(packet, mqtt, transport);
    if (serveOther) return;
    ({ hub, sessions } = selectHub(userNameHost(packet)));
    hub.requests.connections++;
    applyDeviceFault(hub, 'connections', packet.clientId, {
      carryOut(rejection, clockSkewSeconds) {
        connect(packet, rejection, clockSkewSeconds);
        return () => undefined;
      },
      reset: mqtt.reset,
      later(delayMs, work) {
        mqtt.pause();
        early = [];
        setTimeout(() => {
          mqtt.resume();
          if (!hasEnded) work();
          for (const next of early?.splice(0) ?? []) if (mqtt.isOpen()) onPacket(next);
          early = undefined;
        }, delayMs).unref();
      },
    });
  }

  function connect(packet: IConnectPacket, rejection?: IotHubError, clockSkewSeconds = 0): void {
    const login = rejection
      ? { refusal: refusalOf(rejection) }
      : logIn(hub, packet, transport, clockSkewSeconds);
    if ('refusal' in login) {
      hub.log.debug(
        () => `${transport.peer} CONNECT '${packet.clientId}': refused with code ${login.refusal}`,
      );
      mqtt.send({ cmd: 'connack', returnCode: login.refusal, sessionPresent: false });
      mqtt.close();
      return;
    }
    const clientId = clientIdOf(login.origin);
    const telemetry = createTelemetrySender(hub, login.origin, mqtt);
    if (packet.will) {
      const will = readWill(packet.will, clientId);
      if (!will) {
        mqtt.close();
        return;
      }
      sendWill = () => telemetry.sendWill(will);
    }
    const { subscriptions, isPresent } = sessions.open(clientId, packet.clean ?? false);
    const messages = createMessageDelivery(hub, mqtt, clientId, subscriptions);
    device = {
      clientId,
      subscriptions,
      connection: deviceConnection(mqtt, clientId, subscriptions, messages.deliver),
      messages,
      telemetry,
      respondToTwinRequest: createTwinResponder(hub, mqtt, clientId, subscriptions),
    };
    hub.log.debug(() => `${transport.peer} CONNECT '${clientId}': accepted`);
    hub.connections.add(device.connection);
    // The hub drops a device when its token has expired.
    if (login.acceptedUntil !== undefined)
      cancelExpiry = callAt(login.acceptedUntil * 1_000, () => mqtt.close());
    mqtt.send({ cmd: 'connack', returnCode: ACCEPTED, sessionPresent: isPresent });
    if (!isPresent) return;
    hub.connections.ready(clientId);
    messages.deliver();
  }

  function onPacket(packet: Packet): void {
    if (serveOther) {
      serveOther(packet);
      return;
    }
    if (!device) {
      if (early && early.push(packet) > MAX_DELAYED_MESSAGES) mqtt.close();
      return;
    }
    const { clientId } = device;
    hub.log.debug(() => `${transport.peer} device '${clientId}': ${describePacket(packet, clientId)}`);
    switch (packet.cmd) {
      case 'publish':
        try {
          publish(device, packet);
        } catch (error) {
          if (!(error instanceof IotHubError)) throw error;
          mqtt.close();
        }
        break;
      case 'subscribe':
        subscribe(device, packet);
        break;
      case 'unsubscribe':
        for (const filter of packet.unsubscriptions) device.subscriptions.delete(filter);
        mqtt.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted: [] });
        break;
      case 'pingreq':
        mqtt.send({ cmd: 'pingresp' });
        break;
      case 'puback':
        device.messages.acknowledged(packet.messageId ?? 0);
        break;
      case 'disconnect':
        sendWill = () => undefined;
        mqtt.close();
        break;
      default: // a packet of QoS 2, or one that only servers send
        mqtt.close();
    }
  }

  /** @throws IotHubError when the hub rejects the message: the connection is then closed */
  function publish({ clientId, telemetry, respondToTwinRequest }: Device, packet: IPublishPacket): void {
    const publication = packet.qos === 2 ? undefined : readTopic(packet.topic, clientId);
    switch (publication?.kind) {
      case 'telemetry':
        telemetry.publish(packet, publication.propertyBag);
        return;
      case 'getTwin':
      case 'patchReported':
        respondToTwinRequest(publication, bytesOf(packet.payload));
        break;
      case 'methodResponse':
        hub.methods.respond(clientId, publication.requestId, {
          status: publication.status,
          payload: readMethodPayload(bytesOf(packet.payload)),
        });
        break;
      default:
        mqtt.close();
        return;
    }
    acknowledge(mqtt, packet);
  }

  function subscribe({ clientId, subscriptions, messages }: Device, packet: ISubscribePacket): void {
    for (const { topic, qos } of packet.subscriptions) {
      const isKnown = readFilter(topic, clientId) !== undefined;
      if (isKnown) subscriptions.set(topic, qos === 0 ? 0 : 1);
      if (!isKnown || subscriptions.size > MAX_SUBSCRIPTIONS) {
        subscriptions.delete(topic);
        mqtt.close();
        return;
      }
    }
    const granted = packet.subscriptions.map(({ topic }) => subscriptions.get(topic) ?? 0);
    mqtt.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
    hub.connections.ready(clientId);
    messages.deliver();
  }

  function onEnd(): void {
    hasEnded = true;
    cancelExpiry();
    if (device) {
      hub.connections.remove(device.connection);
      device.messages.end();
    }
    sendWill();
  }
}
