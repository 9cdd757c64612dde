import type { ClientRegistry } from '../registry';
import type { JsonObject } from '../twins';

/** The open connection of a device or a module. */
export interface DeviceConnection {
  readonly clientId: string;
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

/**
 * The devices and modules that are connected now, by client id. Each has one connection: a new one closes the old
 * (iot-mqtt-connect-to-iot-hub).
 */
export interface DeviceConnections {
  find(clientId: string): DeviceConnection | undefined;
  add(connection: DeviceConnection): void;
  /** Call it when the connection has ended. Has no effect if another connection has replaced this one. */
  remove(connection: DeviceConnection): void;
  all(): DeviceConnection[];
  /** Call it when a device has connected, or has subscribed to another topic. */
  ready(clientId: string): void;
  /** Calls the listener for each `ready`. Returns a function that removes the listener. */
  onReady(listener: (clientId: string) => void): () => void;
}

export function createDeviceConnections(clients: ClientRegistry): DeviceConnections {
  const connections = new Map<string, DeviceConnection>();
  const listeners = new Set<(clientId: string) => void>();
  clients.onChange((clientId) => {
    if (clients.find(clientId)?.device.status !== 'enabled') connections.get(clientId)?.close();
  });
  return {
    find: (clientId) => connections.get(clientId),
    add(connection) {
      const { clientId } = connection;
      const replaced = connections.get(clientId);
      connections.set(clientId, connection);
      replaced?.close();
      clients.recordConnection(clientId, 'Connected');
    },
    remove(connection) {
      const { clientId } = connection;
      if (connections.get(clientId) !== connection) return;
      connections.delete(clientId);
      clients.recordConnection(clientId, 'Disconnected');
    },
    all: () => [...connections.values()],
    ready: (clientId) => listeners.forEach((listener) => listener(clientId)),
    onReady(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
