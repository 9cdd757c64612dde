import type { Hub } from '../hub';
import type { Transport } from '../transport';
import type { ConnectOther } from './connectOther';
import { serveDevice } from './serveDevice';
import { createSessions, type ServedHub } from './sessions';

/** MQTT for the devices and modules of all hubs, over any transport. */
export interface MqttEndpoint {
  /** Serves a client that has connected. */
  accept(transport: Transport): void;
  /** Number of connections of a hub's devices. */
  connections(hub: Hub): number;
  /** Ends every connection of a hub's devices. */
  closeConnections(hub: Hub): void;
  /** Ends every connection. */
  close(): void;
}

/** The user name of a client selects its hub. A client that names none of them belongs to the first hub, which rejects it. */
export function createMqttEndpoint(
  hubs: readonly [Hub, ...Hub[]],
  connectOther: ConnectOther = () => undefined,
): MqttEndpoint {
  const [first, ...others] = hubs;
  const serve = (hub: Hub): ServedHub => ({ hub, sessions: createSessions(hub.clients) });
  const firstServed = serve(first);
  const all = [firstServed, ...others.map(serve)];
  /** Undefined for a client of another service. */
  const served = new Map<Transport, Hub | undefined>();
  return {
    accept(transport) {
      served.set(transport, first);
      transport.stream.once('close', () => served.delete(transport));
      const selectHub = (hostName: string) => {
        const selected = all.find(({ hub }) => hub.identity.hostName === hostName) ?? firstServed;
        served.set(transport, selected.hub);
        return selected;
      };
      serveDevice(transport, selectHub, (...connecting) => {
        const other = connectOther(...connecting);
        if (other) served.set(transport, undefined);
        return other;
      });
    },
    connections: (hub) => [...served.values()].filter((one) => one === hub).length,
    closeConnections(hub) {
      for (const [{ stream }, one] of served) if (one === hub) stream.destroy();
    },
    close: () => {
      for (const { stream } of served.keys()) stream.destroy();
    },
  };
}
