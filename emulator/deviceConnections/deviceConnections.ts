import type { DeviceRegistry } from '../registry';
import type { JsonObject } from '../twins';

/** A device's open connection. */
export interface DeviceConnection {
  readonly deviceId: string;
  /** Closes the network connection, as the hub does when it drops a device. */
  close(): void;
  /** Ends it with a TCP reset. */
  reset(): void;
  /** Sends a change of the desired properties, if the device has subscribed to them. */
  notifyDesired(change: JsonObject): void;
  /** Whether the device has subscribed to calls of this direct method. */
  acceptsMethod(name: string): boolean;
  invokeMethod(call: MethodRequest): void;
  /** Sends the queued messages if the device has subscribed to them. */
  deliverMessages(): void;
}

/** A direct method as a device receives it; `payload` is JSON. */
export interface MethodRequest {
  readonly requestId: string;
  readonly name: string;
  readonly payload: string;
}

/** The devices that are connected now. A device has one connection: a new one closes the old (iot-mqtt-connect-to-iot-hub). */
export interface DeviceConnections {
  find(deviceId: string): DeviceConnection | undefined;
  add(connection: DeviceConnection): void;
  /** Call it when the connection has ended. Has no effect if another connection has replaced this one. */
  remove(connection: DeviceConnection): void;
  all(): DeviceConnection[];
  /** Call it when a device has connected, or has subscribed to another topic. */
  ready(deviceId: string): void;
  /** Calls the listener for each `ready`. Returns a function that removes the listener. */
  onReady(listener: (deviceId: string) => void): () => void;
}

export function createDeviceConnections(registry: DeviceRegistry): DeviceConnections {
  const connections = new Map<string, DeviceConnection>();
  const listeners = new Set<(deviceId: string) => void>();
  registry.onChange((deviceId, device) => {
    if (device?.status !== 'enabled') connections.get(deviceId)?.close();
  });
  return {
    find: (deviceId) => connections.get(deviceId),
    add(connection) {
      const { deviceId } = connection;
      const replaced = connections.get(deviceId);
      connections.set(deviceId, connection);
      replaced?.close();
      registry.recordConnection(deviceId, 'Connected');
    },
    remove(connection) {
      const { deviceId } = connection;
      if (connections.get(deviceId) !== connection) return;
      connections.delete(deviceId);
      registry.recordConnection(deviceId, 'Disconnected');
    },
    all: () => [...connections.values()],
    ready: (deviceId) => listeners.forEach((listener) => listener(deviceId)),
    onReady(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
