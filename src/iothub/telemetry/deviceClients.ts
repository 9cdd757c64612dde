import { NoRetry } from 'azure-iot-common';
import { Client } from 'azure-iot-device';
import { LRUCache } from 'lru-cache';
import type { ConnectionPool } from './connectionPool';
import { DeviceTransport } from './deviceTransport';
import { SharedAccessKeyAuthentication } from './deviceSasToken';

/** Number of cached device clients: enough for the devices of a busy minute, about 10 MB. */
const MAX_CLIENTS = 5_000;

/** The sending device and its key. */
export interface Device {
  deviceId: string;
  deviceKey: string;
}

export interface DeviceClients {
  /** The cached client of this device and key, or a new one. */
  take: (device: Device) => Client;
  /** Caches the client of a device that the hub has accepted. A flood of wrong keys cannot evict others. */
  keep: (device: Device, client: Client) => void;
  /** Removes the client of a device that the hub has rejected. */
  drop: (device: Device, client: Client) => void;
  close: () => void;
}

export function createDeviceClients(hubHostName: string, pool: ConnectionPool): DeviceClients {
  const kept = new LRUCache<string, Client>({ max: MAX_CLIENTS, dispose: close });
  const keyOf = ({ deviceId, deviceKey }: Device): string => `${deviceId}\n${deviceKey}`;

  return {
    take: (device) => {
      const known = kept.get(keyOf(device));
      if (known) return known;
      const authentication = new SharedAccessKeyAuthentication(
        hubHostName,
        device.deviceId,
        device.deviceKey,
      );
      const client = new Client(new DeviceTransport(authentication, pool));
      client.setRetryPolicy(new NoRetry()); // the telemetry client retries within its own deadline
      return client;
    },
    keep: (device, client) => {
      const key = keyOf(device);
      // Concurrent first messages create a client each; one of them is cached.
      if (kept.peek(key) === undefined) kept.set(key, client);
      else if (kept.peek(key) !== client) close(client);
    },
    drop: (device, client) => {
      if (!kept.delete(keyOf(device))) close(client);
    },
    close: () => {
      kept.clear();
    },
  };
}

/** Over HTTPS there is no connection to close. This releases the client's token and listeners. */
function close(client: Client): void {
  client.close(() => undefined);
}
