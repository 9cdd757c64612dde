import { createServer } from 'node:net';

/** Below the ports that Linux gives to outgoing connections: one of those could take a free port at any moment. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** For a program that cannot choose a port by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
