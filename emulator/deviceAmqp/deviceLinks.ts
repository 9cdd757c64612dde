/** The links of the devices and modules that use one AMQP connection. */

import type { Receiver, Sender } from 'rhea';
import { createSourceLinks, type AmqpCondition, type LinkSource, type LinkTarget } from '../amqp';
import { amqpError } from '../amqpError';
import type { DeviceConnection } from '../deviceConnections';
import { faultError } from '../faultError';
import type { Hub } from '../hub';
import { IotHubError, notImplemented, throttled, unauthorized } from '../iotHubError';
import type { TelemetryOrigin } from '../partitionLog';
import { clientIdOf, deviceIdOf } from '../registry';
import { clientIdAt, type DeviceNode } from './deviceNode';
import type { DeviceTokens } from './deviceTokens';
import { messageSource } from './messageSource';
import { createMethodChannel, type MethodChannel } from './methodChannel';
import { telemetryTarget } from './telemetryTarget';
import { createTwinChannel, type TwinChannel } from './twinChannel';

export interface DeviceLinks {
  /** Attaches a link on which a device receives, or returns the error with which the hub rejects it. */
  attachSource(link: Sender, node: DeviceNode): LinkSource | AmqpCondition;
  /** Attaches a link on which a device sends, or returns the error with which the hub rejects it. */
  attachTarget(link: Receiver, node: DeviceNode): LinkTarget | AmqpCondition;
  /** Detaches the links of devices whose token has expired. */
  detachUnauthorized(): void;
  /** The connection has ended. */
  end(): void;
}

/** A device or a module with at least one link on this connection. */
interface Device {
  readonly origin: TelemetryOrigin;
  readonly links: Set<Sender | Receiver>;
  readonly messages: Set<LinkSource>;
  readonly twin: TwinChannel;
  readonly methods: MethodChannel;
  readonly connection: DeviceConnection;
}

const WRONG_DIRECTION: AmqpCondition = {
  condition: 'amqp:not-allowed',
  description: 'The node does not allow links of this direction.',
};

const NO_MESSAGES_FOR_MODULES = amqpError(notImplemented('cloud-to-device messages for modules'));

/** @param reset ends the connection with a TCP reset */
export function createDeviceLinks(hub: Hub, tokens: DeviceTokens, reset: () => void): DeviceLinks {
  const devices = new Map<string, Device>();

  const forget = (device: Device): void => {
    const { clientId } = device.connection;
    if (devices.get(clientId) === device) devices.delete(clientId);
    hub.connections.remove(device.connection);
  };
  const detach = (device: Device, error: AmqpCondition): void => {
    forget(device);
    for (const link of [...device.links]) link.close({ ...error });
  };

  const create = (origin: TelemetryOrigin): Device => {
    const clientId = clientIdOf(origin);
    const twin = createTwinChannel(hub, clientId, reset);
    const methods = createMethodChannel(hub, clientId);
    const messages = new Set<LinkSource>();
    const device: Device = {
      origin,
      links: new Set(),
      messages,
      twin,
      methods,
      connection: {
        clientId,
        close: () => detach(device, reasonOfClose(clientId)),
        reset,
        notifyDesired: twin.notifyDesired,
        acceptsMethod: methods.isOpen,
        invokeMethod: methods.invoke,
        deliverMessages: () => messages.forEach((source) => source.wake()),
      },
    };
    return device;
  };

  const reasonOfClose = (clientId: string): AmqpCondition =>
    hub.clients.find(clientId)?.device.status === 'enabled'
      ? { condition: 'amqp:link:stolen', description: 'The device has connected again.' }
      : amqpError(new IotHubError('DeviceNotFound', deviceIdOf(clientId)));

  /** @throws IotHubError for a device that may not connect */
  const deviceOf = (node: DeviceNode): Device => {
    const clientId = clientIdAt(hub.clients, node);
    const known = devices.get(clientId);
    if (known) {
      tokens.logIn(clientId);
      return known;
    }
    hub.requests.connections++;
    const fault = hub.faults.applyHttps({
      target: 'connections',
      method: 'PUBLISH',
      deviceId: deviceIdOf(clientId),
    });
    const rejection = fault && faultError(fault, hub.identity.name);
    if (rejection) throw rejection;
    if (fault?.kind === 'resetBefore') {
      reset();
      throw new IotHubError('ServerError', 'The connection was reset.');
    }
    const { origin } = tokens.logIn(clientId, fault?.kind === 'clockSkew' ? fault.seconds : 0);
    if (!hub.throttle.allow('connections')) throw throttled('DeviceConnections');
    const device = create(origin);
    devices.set(clientId, device);
    hub.connections.add(device.connection);
    if (fault?.kind === 'resetAfter') reset();
    return device;
  };

  /** Attaches a link of a device. The device is connected until the last of its links ends. */
  const attach = <Attached>(
    link: Sender | Receiver,
    node: DeviceNode,
    wrongKind: DeviceNode['kind'] | undefined,
    open: (device: Device, onClose: () => void) => Attached,
  ): Attached | AmqpCondition => {
    if (node.kind === wrongKind) return WRONG_DIRECTION;
    if (node.kind === 'devicebound' && node.moduleSegment !== undefined) return NO_MESSAGES_FOR_MODULES;
    try {
      const device = deviceOf(node);
      device.links.add(link);
      return open(device, () => {
        device.links.delete(link);
        if (device.links.size === 0) forget(device);
      });
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      return amqpError(error);
    }
  };

  return {
    attachSource: (link, node) =>
      // On this node, a module receives what IoT Edge routes to its inputs. IoT Hub itself sends nothing.
      attach(link, node, node.moduleSegment === undefined ? 'events' : undefined, (device, onClose) => {
        if (node.kind === 'events') return createSourceLinks().attach(link, onClose);
        if (node.kind === 'twin') return device.twin.attachSource(link, onClose);
        if (node.kind === 'methods') return device.methods.attachSource(link, onClose);
        const source = messageSource(hub, link, device.origin.deviceId, () => {
          device.messages.delete(source);
          onClose();
        });
        device.messages.add(source);
        return source;
      }),
    attachTarget: (link, node) =>
      attach(link, node, 'devicebound', (device, close): LinkTarget => {
        if (node.kind === 'twin') return device.twin.attachTarget(link, close);
        if (node.kind === 'methods') return device.methods.attachTarget(link, close);
        return telemetryTarget(hub, link, device.origin, { reset, close });
      }),
    detachUnauthorized() {
      for (const device of [...devices.values()]) {
        try {
          tokens.logIn(clientIdOf(device.origin));
        } catch (error) {
          if (!(error instanceof IotHubError)) throw error;
          detach(device, amqpError(unauthorized()));
        }
      }
    },
    end() {
      tokens.clear();
      for (const device of [...devices.values()]) forget(device);
    },
  };
}
