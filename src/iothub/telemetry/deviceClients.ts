import { NoRetry } from 'azure-iot-common';
import { Client } from 'azure-iot-device';
import { LRUCache } from 'lru-cache';
import type { ConnectionPool } from './connectionPool';
import { DeviceTransport } from './deviceTransport';
import { SharedAccessKeyAuthentication } from './deviceSasToken';

/** Device clients that are kept for their next message: enough for the devices of a busy minute, some 10 MB. */
const MAX_CLIENTS = 5_000;

/** Who sends: a device by its own key. */
export interface Device {
  deviceId: string;
  deviceKey: string;
}

export interface DeviceClients {
  /** The client that is kept for this device and key, or a new one. */
  take: (device: Device) => Client;
  /** Keeps the client of a device that the hub has let in. Only those: a flood of wrong keys pushes nobody out. */
  keep: (device: Device, client: Client) => void;
  /** Forgets the client of a device that the hub has refused. */
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
      client.setRetryPolicy(new NoRetry()); // the telemetry client retries itself, within one deadline
      return client;
    },
    keep: (device, client) => {
      const key = keyOf(device);
      // Two first messages at the same time have a client each; one is enough.
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

/** Over HTTPS there is no connection to close: this drops the client's token and listeners. */
function close(client: Client): void {
  client.close(() => undefined);
}
