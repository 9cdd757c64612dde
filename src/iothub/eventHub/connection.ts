import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import rhea, { type Connection, type EventContext } from 'rhea';
import type { EventHubConnection } from '../../settings';
import { toAmqpError } from './amqpError';
import { installDecoder } from './decodeMessage';

/** We ask for a sign of life this often; so does Microsoft's SDK. rhea gives up after two of them. */
const IDLE_TIMEOUT_MS = 60_000;
/** Event Hubs: frames of 64 KB. */
const MAX_FRAME_BYTES = 65_536;

/** rhea throws what nobody listens to; links and sessions tell their own ends to those who made them. */
const TOLD_ELSEWHERE = [
  'session_error',
  'session_close',
  'sender_error',
  'sender_close',
  'receiver_error',
  'receiver_close',
] as const;
const ENDINGS = ['disconnected', 'connection_error', 'connection_close', 'protocol_error', 'error'] as const;

/** An AMQP 1.0 connection to the Event Hub-compatible endpoint, on a socket of our own. */
export interface AmqpConnection {
  readonly amqp: Connection;
  /** aborted, with an `AmqpError` as its reason, when the connection is gone */
  readonly ended: AbortSignal;
  /** when a byte was last received, `Date.now()` */
  lastReceivedAt: () => number;
  end: (reason?: unknown) => void;
}

/**
 * Opens a connection: AMQP over TLS, or plain TCP for the emulator. It is usable at once, what is written waits for
 * the peer. It never comes back: whoever needs another one opens it.
 */
export function openAmqpConnection({ host, port, plainTcp }: EventHubConnection): AmqpConnection {
  installDecoder();
  const over = new AbortController();
  setMaxListeners(0, over.signal); // one for each link
  let receivedAt = Date.now();

  const socket = plainTcp
    ? net.connect({ host, port })
    : tls.connect({ host, port, servername: net.isIP(host) === 0 ? host : '' });
  socket.setNoDelay(true);
  socket.on('data', () => {
    receivedAt = Date.now();
  });
  writeTogether(socket);

  const end = (reason?: unknown): void => {
    if (over.signal.aborted) return;
    const error = toAmqpError(reason);
    over.abort(error);
    socket.destroy(error); // with an error: rhea follows that, and not a mere close
  };
  const options = {
    host,
    hostname: host,
    port,
    reconnect: false,
    container_id: randomUUID(),
    username: 'anonymous', // SASL ANONYMOUS: the right to read comes with a claim
    idle_time_out: IDLE_TIMEOUT_MS,
    max_frame_size: MAX_FRAME_BYTES,
    properties: { product: 'hubfront' },
    connect: (_port: number, _host: string, _options: unknown, onConnect: () => void) =>
      socket.once(plainTcp ? 'connect' : 'secureConnect', onConnect),
  };
  const container = rhea.create_container();
  const amqp = container.create_connection(options);
  for (const event of TOLD_ELSEWHERE) amqp.on(event, () => undefined);
  for (const event of ENDINGS) {
    amqp.on(event, (context: EventContext | Error) => {
      end(context instanceof Error ? context : (context.error ?? amqp.error));
    });
  }
  socket.on('end', end);
  socket.on('error', end);
  socket.on('close', () => {
    end();
    stopHeartbeats(amqp);
  });
  amqp.connect();
  return { amqp, ended: over.signal, lastReceivedAt: () => receivedAt, end };
}

/**
 * rhea sets its timers anew when it is told to close a connection whose socket has gone, and keeps it alive with them
 * for two minutes more.
 */
function stopHeartbeats(amqp: Connection): void {
  const internals = amqp as unknown as {
    socket_ready: boolean;
    heartbeat_in?: NodeJS.Timeout;
    heartbeat_out?: NodeJS.Timeout;
  };
  internals.socket_ready = false; // it writes no more, and sets no timer
  clearTimeout(internals.heartbeat_in);
  clearTimeout(internals.heartbeat_out);
}

/** rhea writes frame by frame: what it writes in one turn leaves in one packet. */
function writeTogether(socket: net.Socket): void {
  const write = socket.write.bind(socket);
  socket.write = (data: Uint8Array | string): boolean => {
    if (socket.destroyed) return false;
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => {
        socket.uncork();
      });
    }
    return write(data);
  };
}
