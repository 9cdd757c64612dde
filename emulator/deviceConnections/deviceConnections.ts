import type { DeviceRegistry } from '../registry';

/** A device's open connection. */
export interface DeviceConnection {
  readonly deviceId: string;
  /** Closes the network connection, as the hub does when it drops a device. */
  close(): void;
  /** Ends it with a TCP reset. */
  reset(): void;
}

/** The devices that are connected now. A device has one connection: a new one closes the old (iot-mqtt-connect-to-iot-hub). */
export interface DeviceConnections {
  find(deviceId: string): DeviceConnection | undefined;
  add(connection: DeviceConnection): void;
  /** Call it when the connection has ended. A connection that was replaced is none any more. */
  remove(connection: DeviceConnection): void;
  all(): DeviceConnection[];
}

export function createDeviceConnections(registry: DeviceRegistry): DeviceConnections {
  const connections = new Map<string, DeviceConnection>();
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
  };
}
