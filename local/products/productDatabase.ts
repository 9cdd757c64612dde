import type { Server } from 'node:net';
import { type Child, startChild } from '../childProcess';
import { type Supervised, supervise } from '../supervise';
import { MAX_DATABASE_CONNECTIONS } from './limits';
import { startPostgresGuard } from './postgresGuard';

/** glibc gives each thread its own arena, which keeps the memory of its peak use. */
const MALLOC_ARENAS = '1';

/**
 * Starts the product database: a guard that listens on the port, and PGlite in a process behind it. If PGlite ends,
 * clients wait until it is restarted. `ready` resolves with its URL.
 *
 * @param port a port, or a server that already listens on it
 */
export function startProductDatabase(port: number | Server, log: (line: string) => void): Supervised {
  let serverPort = pending<number>();
  const start = (): Child => {
    const child = startChild({
      name: 'the product database',
      args: ['local/launch.mjs', 'products:database'],
      env: { MALLOC_ARENA_MAX: MALLOC_ARENAS },
      ready: /^database ready \S+:(\d+)$/,
      log,
    });
    child.ready.then(
      (found) => {
        serverPort.resolve(Number(found));
      },
      () => undefined,
    );
    void child.ended.then(() => {
      serverPort = pending();
    });
    return child;
  };
  const guard = startPostgresGuard({
    port,
    serverPort: () => serverPort.promise,
    maxConnections: MAX_DATABASE_CONNECTIONS,
    log,
  });
  const database = supervise({
    name: 'The product database',
    start,
    consequence: 'Changes to its products are lost. It is restarted with the products of the demo shop.',
    log,
  });
  const ready = Promise.all([guard, database.ready]).then(([server]) => urlOf(server));
  ready.catch(() => undefined); // the error reaches the code that waits for `ready`
  return {
    ready,
    close: async () => {
      await guard.then(
        (server) => server.close(),
        () => undefined,
      );
      await database.close();
    },
  };
}

function urlOf(server: Server): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `postgres://postgres@127.0.0.1:${port}/postgres`;
}

function pending<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
