import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import rhea, { type Container, type EventContext, type Session } from 'rhea';
import type { EventHubConnection } from '../../settings';
import { toAmqpError } from './amqpError';
import { installDecoder } from './decodeMessage';
import { openSocket } from './socket';
import { refuseAbortedDeliveries, stopHeartbeats } from './rheaInternals';

/**
 * The peer must send something at least this often, as in Microsoft's SDK. rhea closes the connection after twice this
 * time.
 */
const IDLE_TIMEOUT_MS = 60_000;
/** Maximum frame size of Event Hubs, 64 KB. */
const MAX_FRAME_BYTES = 65_536;

/** How long the peer may take to respond to a close before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 500;

/** rhea throws for events without a listener. Links and sessions report their end to the code that opened them. */
const REPORTED_ELSEWHERE = [
  'session_error',
  'session_close',
  'sender_error',
  'sender_close',
  'receiver_error',
  'receiver_close',
] as const;
const ENDINGS = ['disconnected', 'connection_error', 'connection_close', 'protocol_error', 'error'] as const;

/** An AMQP 1.0 connection to the Event Hub-compatible endpoint, on our own socket. */
export interface AmqpConnection {
  /** Begins a session. Data that is written to it is queued until the peer has responded. */
  beginSession: () => Session;
  /** aborted, with an `AmqpError` as its reason, when the connection has ended or must not be used any more */
  readonly ended: AbortSignal;
  /** when a byte was last received, `Date.now()` */
  lastReceivedAt: () => number;
  /** Closes the connection. */
  end: (reason?: unknown) => void;
}

/**
 * Opens a connection: AMQP over TLS, or plain TCP for the emulator. It can be used immediately, because written data
 * is queued until the peer has responded. It does not reconnect. Callers open another connection if they need one.
 */
export function openAmqpConnection(settings: EventHubConnection): AmqpConnection {
  const { host, port } = settings;
  installDecoder();
  const over = new AbortController();
  setMaxListeners(0, over.signal); // one for each link
  let receivedAt = Date.now();

  const { socket, connectEvent } = openSocket(settings);
  socket.on('data', () => {
    receivedAt = Date.now();
  });

  const amqp = rhea.create_container().create_connection({
    host,
    hostname: host,
    port,
    reconnect: false,
    container_id: randomUUID(),
    username: 'anonymous', // SASL ANONYMOUS: access is granted later, by a claim
    idle_time_out: IDLE_TIMEOUT_MS,
    max_frame_size: MAX_FRAME_BYTES,
    properties: { product: 'hubfront' },
    connect: (_port: number, _host: string, _options: unknown, onConnect: () => void) =>
      socket.once(connectEvent, onConnect),
  } as Parameters<Container['create_connection']>[0]);

  const end = (reason?: unknown): void => {
    if (over.signal.aborted) return;
    over.abort(toAmqpError(reason));
    amqp.close(); // rhea ends the socket when the peer has responded
    // After this turn, rhea has written the close, so nothing more may be sent. Otherwise rhea would still respond to a
    // detach of the peer.
    setImmediate(() => {
      socket.write = () => false;
    });
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
    socket.once('close', () => {
      clearTimeout(timer);
    });
    if (socket.connecting) socket.destroy();
  };
  for (const event of REPORTED_ELSEWHERE) amqp.on(event, () => undefined);
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
  return {
    beginSession: () => {
      const session = refuseAbortedDeliveries(amqp.create_session());
      session.begin();
      return session;
    },
    ended: over.signal,
    lastReceivedAt: () => receivedAt,
    end,
  };
}
