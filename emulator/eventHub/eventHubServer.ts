import { createServer, type AddressInfo, type Socket } from 'node:net';
import { create_container, type Container } from 'rhea';
import type { ImmediateEventHubFault } from '../faults';
import type { Hub } from '../hub';
import { createReaders, type Readers } from './readers';
import type { AmqpCondition } from './selector';
import { serveConnection, type ServedConnection } from './serveConnection';
import { corkWrites } from './corkWrites';

const LOOPBACK = '127.0.0.1';

/** The built-in Event Hub-compatible endpoint. */
export interface EventHubServer {
  readonly port: number;
  readonly readers: Readers;
  connections(): number;
  /** AMQP sessions that are open, over all connections. */
  sessions(): number;
  /** Applies a fault to the links or connections that are open now; returns how many it affected. */
  applyFault(fault: ImmediateEventHubFault): number;
  close(): Promise<void>;
}

/** Listens on the loopback interface only. Rejects with Node's listen error (`code`, `port`). */
export async function startEventHubServer(hub: Hub, port: number): Promise<EventHubServer> {
  const container = createContainer();
  const readers = createReaders();
  const served = new Set<ServedConnection>();
  const sockets = new Set<Socket>();
  let frozen = false;

  const accept = (socket: Socket) => {
    socket.setNoDelay(true);
    corkWrites(socket);
    sockets.add(socket);
    socket.on('error', () => undefined); // a reset is the client's right; rhea hears of it too
    if (frozen) freeze(socket);
    const connection = serveConnection(container, socket, hub, readers);
    served.add(connection);
    socket.on('close', () => {
      sockets.delete(socket);
      served.delete(connection);
    });
  };

  hub.onAppended.add((partitionId) => readers.of(partitionId).forEach((reader) => reader.wake()));
  hub.faults.onChange(() => {
    const wanted = hub.faults.find('freeze') !== undefined;
    if (wanted === frozen) return;
    frozen = wanted;
    sockets.forEach(frozen ? freeze : thaw);
  });

  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    readers,
    connections: () => sockets.size,
    sessions: () => [...served].reduce((sum, connection) => sum + connection.sessions(), 0),
    applyFault(fault) {
      if (fault.kind === 'detachLinks') {
        const affected = fault.partitionId === undefined ? readers.all() : readers.of(fault.partitionId);
        const error: AmqpCondition = { condition: fault.condition, description: fault.description };
        affected.forEach((reader) => reader.close(error));
        return affected.length;
      }
      const affected = [...served];
      for (const connection of affected) {
        if (fault.kind === 'closeConnections') connection.close();
        else connection.socket.resetAndDestroy();
      }
      return affected.length;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sockets.forEach((socket) => socket.destroy());
      }),
  };
}

function createContainer(): Container {
  const container = create_container({ id: 'hubfront-emulator' });
  const mechanisms = container.sasl_server_mechanisms as Record<string, unknown> & {
    enable_anonymous(): void;
  };
  mechanisms.enable_anonymous();
  // Microsoft's own name for "the token comes later, through $cbs".
  mechanisms.MSSBCBS = () => ({
    outcome: undefined as boolean | undefined,
    start() {
      this.outcome = true;
    },
  });
  container.on('error', () => undefined); // what a broken client sends must not end the emulator
  return container;
}

/** Neither reads nor writes, and does not say so: a network that swallows everything. */
function freeze(socket: Socket): void {
  socket.pause();
  socket.cork();
}

function thaw(socket: Socket): void {
  socket.uncork();
  socket.resume();
}
