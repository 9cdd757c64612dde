import type { RequestListener, Server } from 'node:http';
import { runAsChild, takeOverListener } from '../childProcess';
import { startError, stopOnSignal } from '../lifecycle';
import { rejectForeignHosts } from '../webServer/foreignHosts';

/** The parts of Azurite's Blob server that are used here. The package has no types. */
interface BlobServer {
  httpServer: Server;
  start: () => Promise<void>;
  close: () => Promise<void>;
  getHttpServerAddress: () => string;
}
interface BlobServerFactory {
  BlobServerFactory: new () => { createServer: () => Promise<BlobServer> };
}

/**
 * Azurite's Blob storage, with its own flags. Unlike Azurite's program, it rejects requests for foreign host names, and
 * listens on a port that its parent process has reserved.
 */
export async function main(argv: readonly string[]): Promise<void> {
  runAsChild();
  process.argv = [...process.argv.slice(0, 2), ...argv]; // the factory reads the flags here
  // The package has no entry for a part of it. Its own programs load these files, too.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { BlobServerFactory } = require('azurite/dist/src/blob/BlobServerFactory.js') as BlobServerFactory;
  const server = await new BlobServerFactory().createServer();
  stopOnSignal([{ close: () => server.close() }]);
  checkHosts(server.httpServer);
  await listenOnReservedPort(server.httpServer);
  await server.start().catch((error: unknown) => {
    console.error(startError(error, () => '--blob-port'));
    process.exit(1);
  });
  console.log(`storage ready ${server.getHttpServerAddress()}`);
}

function checkHosts(server: Server): void {
  const listeners = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  for (const listener of listeners) server.on('request', rejectForeignHosts(listener));
}

/** Azurite's server can only listen on a port by its number. */
async function listenOnReservedPort(server: Server): Promise<void> {
  const listener = await takeOverListener();
  if (!listener) return;
  const listen = server.listen.bind(server);
  server.listen = (...parameters: unknown[]) => listen(listener, parameters.at(-1) as () => void);
}
