import type { Duplex } from 'node:stream';
import { create_container, type Connection, type Receiver, type Sender } from 'rhea';
import { supportAbort } from './abortDelivery';
import { complete, completeFrames } from './completeFrames';
import type { AmqpCondition } from './condition';
import { internalsOf, sessionInternals, type SaslServer } from './rheaInternals';
import type { SaslMechanisms } from './saslMechanisms';
import { tolerateLateFrames } from './tolerateLateFrames';

/** Event Hubs closes connections after four minutes without traffic. */
const IDLE_TIMEOUT_MS = 240_000;
const MAX_FRAME_BYTES = 65_536;
/** As in Event Hubs, the sessions of a connection have the numbers 0 to 4,999. */
const CHANNEL_MAX = 4_999;
/** A client that does not respond to a close is disconnected after this time. */
const CLOSE_TIMEOUT_MS = 5_000;

const SASL_PROTOCOL_ID = 3;
/**
 * `AMQP`, protocol id 3, version 1.0.0: the header that a server writes to a client of another protocol (AMQP 1.0,
 * 2.2).
 */
const SASL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, SASL_PROTOCOL_ID, 1, 0, 0]);

/** An AMQP connection that a client opens over `stream`. Call `start` after adding the listeners. */
export interface AcceptedConnection {
  readonly connection: Connection;
  start(): void;
  /** Links that neither side has detached. */
  links(): (Sender | Receiver)[];
  /** Detaches every link, then ends every session with or without an error; returns how many sessions. */
  endSessions(error?: AmqpCondition): number;
  /**
   * Detaches every link and ends every session, with or without an error. Then it closes the connection, as
   * Microsoft's library does.
   */
  close(error?: AmqpCondition): void;
}

export function acceptConnection(stream: Duplex, mechanisms: SaslMechanisms): AcceptedConnection {
  const container = create_container({ id: 'hubfront-emulator' });
  Object.assign(container, { sasl_server_mechanisms: mechanisms });
  container.on('error', () => undefined); // malformed input from a client must not end the emulator
  const connection: Connection = container.create_connection({
    reconnect: false,
    idle_time_out: IDLE_TIMEOUT_MS,
    max_frame_size: MAX_FRAME_BYTES,
    channel_max: CHANNEL_MAX,
    receiver_options: { autoaccept: false },
  } as Parameters<typeof container.create_connection>[0]);
  const internals = internalsOf(connection);
  completeFrames(connection);
  supportAbort(connection);
  tolerateLateFrames(connection);
  let sasl: SaslServer | undefined;

  connection.on('protocol_error', (error: Error) => {
    if (isForeignProtocol(error)) stream.write(SASL_HEADER);
    else writeClose('amqp:connection:framing-error', error);
  });
  connection.on('error', (error: Error) => writeClose('amqp:decode-error', error));

  const openSessions = () => Object.values(internals.local_channel_map).filter((one) => one.is_open());
  const links = () =>
    openSessions().flatMap((session) =>
      Object.values(sessionInternals(session).links)
        .map((link) => link as unknown as Sender | Receiver)
        .filter((link) => link.is_open()),
    );

  /** After a protocol error of the client, rhea ends the stream without telling the client the reason. */
  const writeClose = (condition: string, error: Error): void => {
    if (!internals.state.local_open) return;
    internals.local.close.error = { condition, description: error.message };
    internals._write_frame(
      0,
      internals.local.close as unknown as Parameters<typeof internals._write_frame>[1],
    );
  };

  return {
    connection,
    start() {
      internals.accept(stream);
      sasl = internals.sasl_transport.transports[SASL_PROTOCOL_ID];
      if (sasl) {
        completeSaslFrames(sasl);
        endAfterRefusal(sasl, stream);
      }
      for (const transport of [internals.amqp_transport, sasl?.transport]) {
        if (transport) limitFrameSize(transport);
      }
    },
    links,
    endSessions(error) {
      const sessions = openSessions();
      for (const link of links()) link.close();
      for (const session of sessions) session.close(error && { ...error });
      return sessions.length;
    },
    close(error) {
      for (const link of links()) link.close(error && { ...error });
      for (const session of openSessions()) session.close();
      connection.close(error);
      setTimeout(() => stream.destroy(), CLOSE_TIMEOUT_MS).unref();
    },
  };
}

const isForeignProtocol = (error: Error) => error.message.startsWith('Invalid protocol header');

function completeSaslFrames({ transport }: SaslServer): void {
  const encode = transport.encode.bind(transport);
  transport.encode = (frame) => {
    complete(frame.performative);
    encode(frame);
  };
}

/** rhea leaves the connection open after rejecting a client. */
function endAfterRefusal(sasl: SaslServer, stream: Duplex): void {
  const init = sasl.on_sasl_init.bind(sasl);
  sasl.on_sasl_init = (frame) => {
    init(frame);
    // rhea calls the mechanism in a promise's callback.
    setImmediate(() => {
      if (sasl.outcome !== undefined && sasl.outcome !== 0) stream.end();
    });
  };
}

/** rhea buffers a frame of any announced size. */
function limitFrameSize(transport: { peek_size(buffer: Buffer): number | undefined }): void {
  const peek = transport.peek_size.bind(transport);
  transport.peek_size = (buffer) => {
    const bytes = peek(buffer);
    if (bytes !== undefined && bytes > MAX_FRAME_BYTES) {
      throw Object.assign(new Error(`a frame of ${bytes} bytes exceeds ${MAX_FRAME_BYTES}`), {
        name: 'ProtocolError',
      });
    }
    return bytes;
  };
}
