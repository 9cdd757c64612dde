import { type Server, type Socket, connect, createServer } from 'node:net';

/**
 * Lets only what is framed as PostgreSQL's protocol 3.0 through to a server that anything else would put out of order.
 * Source of the formats and codes: PostgreSQL's documentation, "Frontend/Backend Protocol", "Message Formats".
 */

const PROTOCOL_3_0 = 196_608;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH. */
const MAX_STARTUP_BYTES = 10_000;
/** The server holds a message several times; a statement of the demo shop's products takes a few KB. */
const MAX_MESSAGE_BYTES = 16_000_000;
/** PostgreSQL's authentication_timeout is a minute. */
const STARTUP_TIMEOUT_MS = 10_000;
/** Types of the messages that a client sends: Query, Parse, Bind, Describe, Execute, Sync, Close, Flush, Terminate, copy data. */
const CLIENT_MESSAGES = new Set(Buffer.from('QPBDESCHXdcf'));

class ProtocolViolation extends Error {}

interface GuardOptions {
  port: number;
  /** of the server behind it, on the loopback interface */
  serverPort: number;
  maxConnections: number;
  log: (line: string) => void;
}

/** Listens on the loopback interface. @throws Node's listen error when the port is taken */
export async function startPostgresGuard({
  port,
  serverPort,
  maxConnections,
  log,
}: GuardOptions): Promise<Server> {
  const open = new Set<Socket>();
  const guard = createServer((client) => {
    client.on('error', () => undefined); // a reset is the client's right
    if (open.size >= maxConnections) {
      client.end(errorResponse('53300', 'sorry, too many clients already'));
      return;
    }
    open.add(client);
    client.once('close', () => open.delete(client));
    guardConnection(client, serverPort, log);
  });
  await new Promise<void>((resolve, reject) => {
    guard.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return guard;
}

function guardConnection(client: Socket, serverPort: number, log: (line: string) => void): void {
  let server: Socket | undefined;
  let chunks: Buffer[] = [];
  let received = 0;
  /** A message that is longer is put together once it is whole, not with each part of it. */
  let needed = 0;
  const startup = setTimeout(() => {
    reject('no startup message came');
  }, STARTUP_TIMEOUT_MS);
  const reject = (reason: string): void => {
    log(`the product database closed a connection: ${reason}`);
    client.end(errorResponse('08P01', reason));
    end();
  };
  const end = (): void => {
    clearTimeout(startup);
    server?.destroy();
    client.removeAllListeners('data').resume();
    client.destroySoon();
  };
  client.once('close', end);

  /** Connected only once there is a startup message: what opens a port and says nothing takes no place. */
  const openServer = (): Socket => {
    const socket = connect(serverPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.once('close', end);
    socket.pipe(client);
    return socket;
  };

  client.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
    if (received < needed) return;
    try {
      const rest = takeMessages(chunks.length === 1 ? chunk : Buffer.concat(chunks));
      chunks = rest.length > 0 ? [rest] : [];
      received = rest.length;
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      reject(error.message);
    }
  });

  /** @returns what follows the last complete message */
  function takeMessages(bytes: Buffer): Buffer {
    let rest = bytes;
    for (;;) {
      const length = server ? messageLength(rest) : startupLength(rest);
      needed = length ?? 0;
      if (length === undefined || rest.length < length) return rest;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      if (server) forward(server, message);
      else if (message.readInt32BE(4) === PROTOCOL_3_0) {
        clearTimeout(startup);
        server = openServer();
        forward(server, message);
      } else if (message.readInt32BE(4) === CANCEL_REQUEST) {
        end(); // there is no response to it
        return Buffer.alloc(0);
      } else client.write('N'); // neither TLS nor GSSAPI
    }
  }

  function forward(to: Socket, message: Buffer): void {
    if (to.write(message)) return;
    client.pause();
    to.once('drain', () => client.resume());
  }
}

/** @returns the length of the first message in bytes, or undefined while its beginning is incomplete */
function startupLength(bytes: Buffer): number | undefined {
  if (bytes.length < 8) return undefined;
  const [length, code] = [bytes.readInt32BE(0), bytes.readInt32BE(4)];
  const isFixed = code === SSL_REQUEST || code === GSSENC_REQUEST;
  const isStartup =
    code === PROTOCOL_3_0 || code === CANCEL_REQUEST
      ? length >= 9 && length <= MAX_STARTUP_BYTES
      : isFixed && length === 8;
  if (!isStartup) throw new ProtocolViolation("the first message is none of PostgreSQL's protocol 3.0");
  return length;
}

function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < 1) return undefined;
  if (!CLIENT_MESSAGES.has(bytes[0] ?? 0)) throw new ProtocolViolation('the message type is unknown');
  if (bytes.length < 5) return undefined;
  const length = bytes.readInt32BE(1);
  if (length < 4 || length > MAX_MESSAGE_BYTES) throw new ProtocolViolation('the message length is invalid');
  return length + 1;
}

function errorResponse(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
