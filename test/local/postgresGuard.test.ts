import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_SILENT_CONNECTIONS } from '../../local/products/limits';
import { startPostgresGuard } from '../../local/products/postgresGuard';

const MAX_CONNECTIONS = 3;
const STARTUP = Buffer.from('00000017000300007573657200706f7374677265730000', 'hex');
/** The first byte of the response to a startup message, and of an error. */
const [AUTHENTICATION, ERROR] = ['R', 'E'];

let server: Server;
let guard: Server;
const sockets: Socket[] = [];

beforeEach(async () => {
  // A server that accepts everybody.
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(AUTHENTICATION));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  guard = await startPostgresGuard({
    port: 0,
    serverPort: () => Promise.resolve((server.address() as AddressInfo).port),
    maxConnections: MAX_CONNECTIONS,
    log: () => undefined,
  });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  guard.close();
  server.close();
});

async function open(bytes = Buffer.alloc(0)): Promise<Socket> {
  const socket = connect((guard.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}
const firstByte = async (socket: Socket): Promise<string> => {
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString('latin1', 0, 1);
};
const session = async (): Promise<string> => firstByte(await open(STARTUP));

describe('the guard of the product database', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a part of a startup message', STARTUP.subarray(0, 7)],
    ['a request for TLS', Buffer.from('0000000804d2162f', 'hex')],
  ])('serves a client while many others have sent %s', async (_, bytes) => {
    for (let i = 0; i < 5 * MAX_CONNECTIONS; i += 1) await open(bytes);
    expect(await session()).toBe(AUTHENTICATION);
  });

  test('closes the oldest silent connection for a new one', async () => {
    const oldest = await open();
    const closed = once(oldest, 'close');
    for (let i = 0; i < MAX_SILENT_CONNECTIONS; i += 1) await open();
    await closed;
    expect(await session()).toBe(AUTHENTICATION);
  });

  test('has a limit for sessions, and a place again when one ends', async () => {
    for (let i = 0; i < MAX_CONNECTIONS; i += 1) expect(await session()).toBe(AUTHENTICATION);
    expect(await session()).toBe(ERROR);
    sockets[0]?.destroy();
    await expect.poll(session).toBe(AUTHENTICATION);
  });
});
