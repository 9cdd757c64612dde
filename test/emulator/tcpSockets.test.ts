import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { trackTcpSockets } from '../../emulator/transport';
import { listen } from '../../emulator/listen';

let server: Server | undefined;
const clients: Socket[] = [];
afterEach(() => {
  for (const client of clients) client.destroy();
  server?.close();
});

/** Below the ports that systems choose, which they may give to connections of several programs. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

// Only Linux has all addresses of 127.0.0.0/8 without configuration.
test.runIf(process.platform === 'linux')(
  'a reset ends the connection of this client only, if another address uses the same port',
  async () => {
    server = createServer();
    const accepted: Socket[] = [];
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      accepted.push(socket);
    });
    const sockets = trackTcpSockets(server);
    const port = await listen(server, '127.0.0.1', 0);
    const open = async (localAddress: string, localPort: number): Promise<Socket> => {
      const client = connect({ host: '127.0.0.1', port, localAddress, localPort });
      clients.push(client);
      await once(client, 'connect');
      client.on('error', () => undefined);
      return client;
    };
    const openBoth = async (localPort: number): Promise<[Socket, Socket]> => {
      try {
        return [await open('127.0.0.1', localPort), await open('127.0.0.2', localPort)];
      } catch (error) {
        if (localPort === LAST_PORT) throw error;
        for (const socket of accepted.splice(0)) socket.destroy();
        return openBoth(localPort + 1); // another program has the port
      }
    };
    const [first, second] = await openBoth(FIRST_PORT + (process.pid % 10_000));
    const { localPort } = first;
    const served = (address: string): Socket | undefined =>
      accepted.find(({ remoteAddress, remotePort }) => remoteAddress === address && remotePort === localPort);
    await expect.poll(() => served('127.0.0.2')).toBeDefined();
    const [ended, kept] = [served('127.0.0.1'), served('127.0.0.2')];
    expect(ended).toBeDefined();
    const end = new Promise((resolve) => first.once('close', resolve)); // `once` would reject: a reset is an error
    if (ended) sockets.reset(ended);
    await end;
    expect(kept?.destroyed).toBe(false);
    expect(second.destroyed).toBe(false);
  },
);
