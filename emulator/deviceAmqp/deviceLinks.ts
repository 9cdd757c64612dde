/** The links of the devices that use one AMQP connection. */

import type { Receiver, Sender } from 'rhea';
import type { AmqpCondition, LinkSource, LinkTarget } from '../amqp';
import { amqpError } from '../amqpError';
import { decodePathSegment } from '../decodePathSegment';
import type { DeviceConnection } from '../deviceConnections';
import { faultError } from '../faultError';
import type { Hub } from '../hub';
import { IotHubError, throttled, unauthorized } from '../iotHubError';
import type { TelemetryOrigin } from '../partitionLog';
import type { DeviceNode } from './deviceNode';
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

/** A device with at least one link on this connection. */
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

/** @param reset ends the connection with a TCP reset */
export function createDeviceLinks(hub: Hub, tokens: DeviceTokens, reset: () => void): DeviceLinks {
  const devices = new Map<string, Device>();

  const forget = (device: Device): void => {
    const { deviceId } = device.connection;
    if (devices.get(deviceId) === device) devices.delete(deviceId);
    hub.connections.remove(device.connection);
  };
  const detach = (device: Device, error: AmqpCondition): void => {
    forget(device);
    for (const link of [...device.links]) link.close({ ...error });
  };

  const create = (origin: TelemetryOrigin): Device => {
    const { deviceId } = origin;
    const twin = createTwinChannel(hub, deviceId, reset);
    const methods = createMethodChannel(hub, deviceId);
    const messages = new Set<LinkSource>();
    const device: Device = {
      origin,
      links: new Set(),
      messages,
      twin,
      methods,
      connection: {
        deviceId,
        close: () => detach(device, reasonOfClose(deviceId)),
        reset,
        notifyDesired: twin.notifyDesired,
        acceptsMethod: methods.isOpen,
        invokeMethod: methods.invoke,
        deliverMessages: () => messages.forEach((source) => source.wake()),
      },
    };
    return device;
  };

  const reasonOfClose = (deviceId: string): AmqpCondition =>
    hub.registry.find(deviceId)?.status === 'enabled'
      ? { condition: 'amqp:link:stolen', description: 'The device has connected again.' }
      : amqpError(new IotHubError('DeviceNotFound', deviceId));

  /** @throws IotHubError for a device that may not connect */
  const deviceOf = ({ segment }: DeviceNode): Device => {
    const deviceId = hub.registry.find(segment) ? segment : decodePathSegment(segment);
    const known = devices.get(deviceId);
    if (known) {
      tokens.logIn(deviceId);
      return known;
    }
    hub.requests.connections++;
    const fault = hub.faults.applyHttps({ target: 'connections', method: 'PUBLISH', deviceId });
    const rejection = fault && faultError(fault, hub.identity.name);
    if (rejection) throw rejection;
    if (fault?.kind === 'resetBefore') {
      reset();
      throw new IotHubError('ServerError', 'The connection was reset.');
    }
    const { origin } = tokens.logIn(deviceId, fault?.kind === 'clockSkew' ? fault.seconds : 0);
    if (!hub.throttle.allow('connections')) throw throttled('DeviceConnections');
    const device = create(origin);
    devices.set(deviceId, device);
    hub.connections.add(device.connection);
    if (fault?.kind === 'resetAfter') reset();
    return device;
  };

  /** Attaches a link of a device. The device is connected until the last of its links ends. */
  const attach = <Attached>(
    link: Sender | Receiver,
    node: DeviceNode,
    wrongKind: DeviceNode['kind'],
    open: (device: Device, onClose: () => void) => Attached,
  ): Attached | AmqpCondition => {
    if (node.kind === wrongKind) return WRONG_DIRECTION;
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
      attach(link, node, 'events', (device, onClose): LinkSource => {
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
          tokens.logIn(device.origin.deviceId);
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
