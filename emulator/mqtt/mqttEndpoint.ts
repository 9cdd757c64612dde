import type { Hub } from '../hub';
import type { Transport } from '../transport';
import { serveDevice } from './serveDevice';
import { createSessions } from './sessions';

/** MQTT for devices, over any transport. */
export interface MqttEndpoint {
  /** Serves a client that has connected. */
  accept(transport: Transport): void;
  connections(): number;
  /** Ends every connection. */
  close(): void;
}

export function createMqttEndpoint(hub: Hub): MqttEndpoint {
  const sessions = createSessions(hub.registry);
  const served = new Set<Transport>();
  return {
    accept(transport) {
      served.add(transport);
      transport.stream.once('close', () => served.delete(transport));
      serveDevice(transport, hub, sessions);
    },
    connections: () => served.size,
    close: () => {
      for (const { stream } of served) stream.destroy();
    },
  };
}
