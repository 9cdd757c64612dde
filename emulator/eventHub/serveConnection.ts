import type { Socket } from 'node:net';
import {
  types,
  type Connection,
  type Container,
  type EventContext,
  type Message,
  type Receiver,
  type Sender,
  type Session,
} from 'rhea';
import type { Hub } from '../hub';
import { EVENT_HUB_NAME } from '../wellKnown';
import { addressOf, attachReader, unauthorizedFor } from './attachReader';
import { createClaims } from './claims';
import { PartitionReader } from './partitionReader';
import type { Readers } from './readers';
import { putToken, readManagement, type Reply } from './requests';
import { acceptSocket, sendSettled, stopHeartbeats, watchSessionFlow } from './rheaInternals';
import type { AmqpCondition } from './selector';

/** Event Hubs closes connections that are silent for four minutes. */
const IDLE_TIMEOUT_MS = 240_000;
const MAX_FRAME_BYTES = 65_536;

const MANAGEMENT_ADDRESSES = ['$management', `${EVENT_HUB_NAME}/$management`];
const isRequestAddress = (address: string) => address === '$cbs' || MANAGEMENT_ADDRESSES.includes(address);

/** Events after which a connection has no readers any more. */
const ENDINGS = ['connection_close', 'disconnected', 'connection_error', 'protocol_error', 'error'] as const;
/** Errors that the client reported for what it closed: the close that follows is what counts. */
const REPORTED_ERRORS = ['session_error', 'receiver_error', 'sender_error'] as const;

export interface ServedConnection {
  readonly socket: Socket;
  /** AMQP sessions that are open. */
  sessions(): number;
  /** AMQP close, without an error or with one. */
  close(error?: AmqpCondition): void;
}

/** Speaks AMQP 1.0 with one client, as the built-in Event Hub endpoint does. */
export function serveConnection(
  container: Container,
  socket: Socket,
  hub: Hub,
  readers: Readers,
): ServedConnection {
  const connection: Connection = container.create_connection({
    reconnect: false,
    idle_time_out: IDLE_TIMEOUT_MS,
    max_frame_size: MAX_FRAME_BYTES,
  } as Parameters<Container['create_connection']>[0]);
  const replyLinks = new Map<string, Sender>();
  const own = new Map<Sender, PartitionReader>();
  const sessions = new Set<Session>();
  let ended = false;

  const claims = createClaims(() => {
    for (const [link, reader] of own) {
      const address = addressOf(link);
      if (!claims.cover(address)) reader.close(unauthorizedFor('Listen', address));
    }
  });

  const forget = (link: Sender) => {
    own.get(link)?.close();
    own.delete(link);
  };

  /** The client receives: `$cbs` and `$management` answer on such links, partitions send on them. */
  connection.on('sender_open', ({ sender }: { sender: Sender }) => {
    const address = addressOf(sender);
    sender.set_source(sender.source);
    sender.set_target(sender.target);
    sendSettled(sender);
    if (isRequestAddress(address)) {
      replyLinks.set(sender.name, sender);
      const target = (sender.target as { address?: string } | undefined)?.address;
      if (target) replyLinks.set(target, sender);
      return;
    }
    if (ended) return; // read from the buffer after the end: a reader made now would never be closed
    const attached = attachReader(hub, readers, claims, sender);
    if (attached instanceof PartitionReader) own.set(sender, attached);
    else sender.close(attached);
  });
  connection.on('session_open', ({ session }: EventContext) => {
    if (!session) return;
    sessions.add(session);
    watchSessionFlow(session, () => {
      for (const [link, reader] of own) if (link.session === session) reader.wake();
    });
  });
  connection.on('sendable', ({ sender }: { sender: Sender }) => own.get(sender)?.wake());
  connection.on('sender_close', ({ sender }: { sender: Sender }) => forget(sender));
  connection.on('session_close', ({ session }: EventContext) => {
    if (session) sessions.delete(session);
    for (const link of own.keys()) if (link.session === session) forget(link);
  });

  /** The client sends: requests only; a device's way in is not this endpoint. */
  connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
    const address = (receiver.target as { address?: string } | undefined)?.address ?? '';
    receiver.set_target(receiver.target);
    receiver.set_source(receiver.source);
    if (!isRequestAddress(address)) receiver.close(unauthorizedFor('Send', address));
  });
  connection.on('message', ({ receiver, message }: { receiver: Receiver; message: Message }) => {
    const address = receiver.target.address;
    const reply = address === '$cbs' ? putToken(hub, claims, message) : readManagement(hub, claims, message);
    if (reply) send(replyLinks.get(String(message.reply_to)), message, reply);
  });

  const end = () => {
    ended = true;
    claims.clear();
    for (const link of [...own.keys()]) forget(link);
  };
  for (const ending of ENDINGS) connection.on(ending, end);
  // rhea tells no end of a connection that was closed in the middle of its opening, or reset: the socket always does.
  socket.once('close', () => {
    end();
    stopHeartbeats(connection);
  });
  for (const error of REPORTED_ERRORS) connection.on(error, () => undefined);

  acceptSocket(connection, socket);
  return { socket, sessions: () => sessions.size, close: (error) => connection.close(error) };
}

function send(link: Sender | undefined, request: Message, reply: Reply): void {
  link?.send({
    correlation_id: request.message_id as string,
    application_properties: {
      'status-code': types.wrap_int(reply.status),
      'status-description': reply.description,
      ...(reply.condition === undefined ? {} : { 'error-condition': reply.condition }),
    },
    body: reply.body,
  });
}
