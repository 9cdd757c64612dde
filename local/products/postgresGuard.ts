import { type Server, type Socket, connect, createServer } from 'node:net';
import { MAX_SILENT_CONNECTIONS } from './limits';
import {
  CANCEL_REQUEST,
  PROTOCOL_3_0,
  ProtocolViolation,
  errorResponse,
  messageLength,
  startupLength,
  startupMessage,
} from './postgresProtocol';

/** PostgreSQL's authentication_timeout is a minute. */
const STARTUP_TIMEOUT_MS = 10_000;
/** How long a client waits for a server that is being restarted. */
const SERVER_TIMEOUT_MS = 20_000;
/** How long the rest of a message may take to arrive. A client that sends half a message would keep its place. */
const MESSAGE_TIMEOUT_MS = 10_000;
/** Minimum interval of log lines about rejected connections. */
const LOG_EVERY_MS = 10_000;

/**
 * Replaces each client's startup message. PostgreSQL ends a connection with an unknown user or parameter, and PGlite
 * has only one connection, whose end would end PGlite.
 */
const STARTUP_MESSAGE = startupMessage({ user: 'postgres', database: 'postgres' });

interface GuardOptions {
  /** a port, or a server that already listens on it */
  port: number | Server;
  /** port of the server behind the guard, on the loopback interface; a promise while it is restarted */
  serverPort: () => Promise<number>;
  maxConnections: number;
  log: (line: string) => void;
}

/**
 * Listens for clients of a PostgreSQL server that fails if they send anything but complete messages of protocol 3.0.
 * The guard closes a connection on any other data. Clients wait while the server is restarted.
 *
 * @throws Node's listen error when the port is in use
 */
export async function startPostgresGuard(options: GuardOptions): Promise<Server> {
  const { port, serverPort, maxConnections } = options;
  const log = atIntervals(options.log);
  /** before the startup message, in the order of their connection */
  const silent = new Set<Socket>();
  const started = new Set<Socket>();
  const guard = typeof port === 'number' ? createServer() : port;
  guard.removeAllListeners('connection').on('connection', (client: Socket) => {
    client.on('error', () => undefined); // clients may reset connections
    silent.add(client);
    client.once('close', () => {
      silent.delete(client);
      started.delete(client);
    });
    const [oldest] = silent;
    if (oldest && silent.size > MAX_SILENT_CONNECTIONS) {
      silent.delete(oldest); // it closes later, and others may connect before
      oldest.destroy();
    }
    const takePlace = (): boolean => {
      silent.delete(client);
      if (started.size < maxConnections) started.add(client);
      return started.has(client);
    };
    guardConnection(client, { serverPort, takePlace, log });
  });
  if (typeof port === 'number')
    await new Promise<void>((resolve, reject) => {
      guard.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  return guard;
}

interface GuardedConnection extends Pick<GuardOptions, 'serverPort'> {
  /** called with the startup message; false if there are too many clients */
  takePlace: () => boolean;
  log: (reason: string) => void;
}

function guardConnection(client: Socket, { serverPort, takePlace, log }: GuardedConnection): void {
  let server: Socket | undefined;
  /** from the startup message on, until the server is connected */
  let isWaiting = false;
  let chunks: Buffer[] = [];
  let received = 0;
  /** The parts of a longer message are concatenated once, when it is complete. */
  let needed = 0;

  let limit = setTimeout(() => {
    reject('08P01', 'the client sent no startup message');
  }, STARTUP_TIMEOUT_MS);
  const end = (): void => {
    clearTimeout(limit);
    server?.destroy();
    client.removeAllListeners('data').resume();
    client.destroySoon();
  };
  const reject = (code: string, reason: string): void => {
    log(reason);
    client.end(errorResponse(code, reason));
    end();
  };
  client.once('close', end);

  /** Connects only after a startup message, so that silent connections do not use up places. */
  const openServer = async (): Promise<void> => {
    isWaiting = true;
    client.pause();
    clearTimeout(limit);
    limit = setTimeout(() => {
      reject('57P03', 'the database system is starting up');
    }, SERVER_TIMEOUT_MS);
    const port = await serverPort();
    clearTimeout(limit);
    if (client.destroyed) return;
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.once('close', end);
    socket.pipe(client);
    socket.write(STARTUP_MESSAGE);
    server = socket;
    isWaiting = false;
    client.resume();
    takeChunks();
  };

  client.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
    takeChunks();
  });

  function takeChunks(): void {
    if (isWaiting || received < needed) return;
    try {
      const rest = takeMessages(Buffer.concat(chunks));
      chunks = rest.length > 0 ? [rest] : [];
      received = rest.length;
      if (server) limitIncompleteMessage(rest.length > 0);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      reject('08P01', error.message);
    }
  }

  /** @returns the bytes after the last complete message */
  function takeMessages(bytes: Buffer): Buffer {
    let rest = bytes;
    while (!isWaiting) {
      const length = server ? messageLength(rest) : startupLength(rest);
      needed = length ?? 0;
      if (length === undefined || rest.length < length) break;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      needed = 0;
      if (server) forward(server, message);
      else if (message.readInt32BE(4) === PROTOCOL_3_0) {
        if (takePlace()) void openServer();
        else {
          reject('53300', 'sorry, too many clients already');
          return Buffer.alloc(0);
        }
      } else if (message.readInt32BE(4) === CANCEL_REQUEST) {
        end(); // a cancel request gets no response
        return Buffer.alloc(0);
      } else client.write('N'); // neither TLS nor GSSAPI
    }
    return rest;
  }

  function limitIncompleteMessage(isIncomplete: boolean): void {
    clearTimeout(limit);
    if (!isIncomplete) return;
    limit = setTimeout(() => {
      // While the server is busy, this guard does not read from the client.
      if (client.isPaused()) limitIncompleteMessage(true);
      else reject('08P01', 'the client did not complete a message');
    }, MESSAGE_TIMEOUT_MS);
  }

  function forward(to: Socket, message: Buffer): void {
    if (to.write(message)) return;
    client.pause();
    to.once('drain', () => client.resume());
  }
}

/** Logs the first reason immediately, and later ones at most once per interval, with their number. */
function atIntervals(log: (line: string) => void): (reason: string) => void {
  let more = 0;
  let next = 0;
  return (reason) => {
    const now = performance.now();
    if (now < next) {
      more += 1;
      return;
    }
    next = now + LOG_EVERY_MS;
    log(`the product database closed a connection: ${reason}${more > 0 ? ` (and ${more} more before)` : ''}`);
    more = 0;
  };
}
