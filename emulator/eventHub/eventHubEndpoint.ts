import type { AmqpCondition } from '../amqp';
import type { ImmediateEventHubFault } from '../faults';
import type { Hub } from '../hub';
import type { Transport } from '../transport';
import { namesProvisioning, rejectRegistrations, type ConnectOther } from './connectOther';
import { createReaders, type Readers } from './readers';
import { serveConnection, type ServedConnection } from './serveConnection';

/** The built-in Event Hub-compatible endpoint, for connections over any transport. */
export interface EventHubEndpoint {
  readonly readers: Readers;
  /** Serves a client that has connected. `connectOther`: serves the clients of another service. */
  accept(transport: Transport, connectOther?: ConnectOther): void;
  connections(): number;
  /** Number of open AMQP sessions on all connections. */
  sessions(): number;
  /** Applies a fault to the links or connections that are open now. Returns how many it affected. */
  applyFault(fault: ImmediateEventHubFault): number;
  /** Ends every connection. */
  close(): void;
}

export function createEventHubEndpoint(hub: Hub): EventHubEndpoint {
  const readers = createReaders();
  /** The clients of the hub, or those that have not opened their connection yet. */
  const served = new Map<Transport, ServedConnection>();
  /** The clients of another service. The faults of the hub leave them alone. */
  const others = new Set<Transport>();
  let frozen = false;

  hub.onAppended.add((partitionId) => readers.of(partitionId).forEach((reader) => reader.wake()));
  hub.faults.onChange(() => {
    const wanted = hub.faults.find('freeze') !== undefined;
    if (wanted === frozen) return;
    frozen = wanted;
    for (const transport of served.keys()) (frozen ? freeze : thaw)(transport);
  });

  return {
    readers,
    accept(transport, connectOther = rejectRegistrations) {
      const { stream } = transport;
      stream.on('error', () => undefined); // clients may reset connections; rhea gets this event too
      if (frozen && !namesProvisioning(transport.hostNames)) freeze(transport);
      const onOther = () => {
        served.delete(transport);
        others.add(transport);
      };
      served.set(transport, serveConnection(transport, { hub, readers, connectOther, onOther }));
      if (namesProvisioning(transport.hostNames)) onOther();
      stream.on('close', () => {
        served.delete(transport);
        others.delete(transport);
      });
    },
    connections: () => served.size,
    sessions: () => sum([...served.values()].map((connection) => connection.sessions())),
    applyFault(fault) {
      const connections = [...served.values()];
      switch (fault.kind) {
        case 'detachLinks': {
          const affected = fault.partitionId === undefined ? readers.all() : readers.of(fault.partitionId);
          affected.forEach((reader) => reader.close(errorOf(fault)));
          return affected.length;
        }
        case 'abortDelivery':
          return readers.of(fault.partitionId).filter((reader) => reader.abortDelivery()).length;
        case 'endSessions':
          return sum(connections.map((connection) => connection.endSessions(errorOf(fault))));
        case 'detachRequestLinks':
          return sum(
            connections.map((connection) => connection.detachRequestLinks(fault.node, errorOf(fault))),
          );
        case 'closeConnections':
          connections.forEach((connection) => connection.close(errorOf(fault)));
          return connections.length;
        case 'resetConnections': {
          const transports = [...served.keys()];
          transports.forEach((transport) => transport.reset());
          return transports.length;
        }
      }
    },
    close: () => {
      for (const { stream } of [...served.keys(), ...others]) stream.destroy();
    },
  };
}

interface ErrorFields {
  readonly condition?: string | undefined;
  readonly description?: string | undefined;
}

/** The error that a fault sends to the client. Without a condition, there is none. */
const errorOf = ({
  condition,
  description = 'A fault of the emulator.',
}: ErrorFields): AmqpCondition | undefined =>
  condition === undefined ? undefined : { condition, description };

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** Stops reading and writing without closing, like a network that drops all packets. */
function freeze({ stream }: Transport): void {
  stream.pause();
  stream.cork();
}

function thaw({ stream }: Transport): void {
  stream.uncork();
  stream.resume();
}
