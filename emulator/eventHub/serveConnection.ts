import type { Duplex } from 'node:stream';
import {
  types,
  type Delivery,
  type EventContext,
  type Message,
  type Receiver,
  type Sender,
  type Session,
} from 'rhea';
import {
  acceptConnection,
  answerAttach,
  conformSession,
  ReplyLink,
  settleNow,
  stopHeartbeats,
  type AmqpCondition,
} from '../amqp';
import type { Hub } from '../hub';
import { attachReader, pathOf } from './attachReader';
import { createClaims } from './claims';
import { entityPath } from './entityPath';
import { PartitionReader } from './partitionReader';
import { plainMechanisms } from './plainLogin';
import type { Readers } from './readers';
import { refusalOfSender, unauthorizedFor } from './refusals';
import { isDevicebound, sendToDevice } from './serviceMessages';
import { putToken, readManagement, requestNodeOf, type Reply, type RequestNode } from './requests';

/** Events after which a connection has no more readers. */
const ENDINGS = ['connection_close', 'disconnected', 'connection_error', 'protocol_error', 'error'] as const;
/** Errors that the client reports when it closes something. They are ignored, because the close event follows. */
const REPORTED_ERRORS = ['session_error', 'receiver_error', 'sender_error'] as const;

export interface ServedConnection {
  /** Number of open AMQP sessions. */
  sessions(): number;
  /** Sends an AMQP close, with or without an error. */
  close(error?: AmqpCondition): void;
  /** Ends every session, without an error or with one; returns how many. */
  endSessions(error?: AmqpCondition): number;
  /** Detaches the links of `$cbs` or `$management`, those of both directions; returns how many. */
  detachRequestLinks(node: RequestNode, error?: AmqpCondition): number;
}

/** Serves one AMQP 1.0 client, as the built-in Event Hub endpoint does. */
export function serveConnection(stream: Duplex, hub: Hub, readers: Readers): ServedConnection {
  const accepted = acceptConnection(stream, plainMechanisms(hub));
  const { connection } = accepted;
  const replyLinks = new Map<Sender, ReplyLink>();
  const own = new Map<Sender, PartitionReader>();
  const sessions = new Set<Session>();
  let ended = false;

  const claims = createClaims(() => {
    for (const [link, reader] of own) {
      const path = pathOf(link);
      if (!claims.cover(path)) reader.close(unauthorizedFor('Listen', path));
    }
  });

  const forget = (link: Sender) => {
    own.get(link)?.close();
    own.delete(link);
    replyLinks.delete(link);
  };

  connection.on('connection_open', () => {
    if (accepted.username() !== undefined) claims.grantAll();
  });
  connection.on('session_open', ({ session }: EventContext) => {
    if (!session) return;
    sessions.add(session);
    conformSession(session, {
      onFlow: () => {
        for (const [link, reader] of own) if (link.session === session) reader.wake();
      },
    });
  });
  connection.on('session_close', ({ session }: EventContext) => {
    if (session) sessions.delete(session);
    for (const link of [...own.keys(), ...replyLinks.keys()]) if (link.session === session) forget(link);
  });

  /** A link on which the client receives: responses of `$cbs` and `$management`, or messages of a partition. */
  connection.on('sender_open', ({ sender }: { sender: Sender }) => {
    if (ended) return; // the frame was read from the buffer after the connection ended: a reader created now would never be closed
    if (requestNodeOf(pathOf(sender), hub.identity)) {
      replyLinks.set(sender, new ReplyLink(sender));
      answerAttach(sender, { isAccepted: true });
      return;
    }
    const attached = attachReader(hub, readers, claims, sender);
    const isAccepted = attached instanceof PartitionReader;
    answerAttach(sender, { isAccepted });
    if (isAccepted) own.set(sender, attached);
    else sender.close({ ...attached });
  });
  connection.on('sendable', ({ sender }: { sender: Sender }) => {
    own.get(sender)?.wake();
    replyLinks.get(sender)?.flush();
  });
  connection.on('sender_close', ({ sender }: { sender: Sender }) => forget(sender));

  /** A link on which the client sends. Only requests are accepted: devices do not send to this endpoint. */
  connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
    const path = targetPath(receiver);
    const isAccepted =
      requestNodeOf(path, hub.identity) !== undefined || (isDevicebound(path) && claims.cover(path));
    answerAttach(receiver, { isAccepted });
    if (!isAccepted) receiver.close({ ...refusalOfSender(path, hub.identity) });
  });
  connection.on(
    'message',
    ({
      receiver,
      message,
      delivery,
    }: {
      receiver: Receiver;
      message: Message;
      delivery: Delivery & { remote_settled: boolean };
    }) => {
      const path = targetPath(receiver);
      if (isDevicebound(path)) {
        settleNow(receiver.session, delivery, sendToDevice(hub, message));
        return;
      }
      // Sent before the response: Microsoft's uamqp treats a response that arrives first as a protocol error.
      settleNow(receiver.session, delivery);
      const reply = path === '$cbs' ? putToken(hub, claims, message) : readManagement(hub, claims, message);
      if (reply) replyLinkFor(path, message)?.send(response(message, reply));
    },
  );

  /**
   * Finds the link by `reply-to`, its target or its name. Clients without `reply-to` have one response link per node.
   */
  const replyLinkFor = (path: string, { reply_to: replyTo }: Message): ReplyLink | undefined => {
    const links = [...replyLinks.values()].filter(({ link }) => pathOf(link) === path);
    const named = links.find(({ link }) => {
      const target = (link.target as { address?: string } | undefined)?.address;
      return replyTo !== undefined && (target === replyTo || link.name === replyTo);
    });
    return named ?? links[0];
  };

  const end = () => {
    ended = true;
    claims.clear();
    for (const link of [...own.keys(), ...replyLinks.keys()]) forget(link);
  };
  for (const ending of ENDINGS) connection.on(ending, end);
  // rhea does not report the end of a connection that was reset, or closed while it opened. The stream reports both.
  stream.once('close', () => {
    end();
    stopHeartbeats(connection);
  });
  for (const error of REPORTED_ERRORS) connection.on(error, () => undefined);

  accepted.start();
  return {
    sessions: () => sessions.size,
    close: accepted.close,
    endSessions(error) {
      for (const link of [...own.keys(), ...replyLinks.keys()]) forget(link);
      return accepted.endSessions(error);
    },
    detachRequestLinks(node, error) {
      const links = accepted.links().filter((link) => requestNodeOf(addressOf(link), hub.identity) === node);
      for (const link of links) {
        link.close(error && { ...error });
        if (link.is_sender()) forget(link as Sender);
      }
      return links.length;
    },
  };
}

/** The path of the node at the service's end of a link. */
const addressOf = (link: Sender | Receiver): string =>
  link.is_sender() ? pathOf(link as Sender) : targetPath(link as Receiver);

const targetPath = (receiver: Receiver): string =>
  entityPath((receiver.target as { address?: string } | undefined)?.address ?? '');

function response(request: Message, reply: Reply): Message {
  const { message_id: messageId, correlation_id: correlationId } = request;
  return {
    correlation_id: correlation(messageId ?? correlationId),
    application_properties: {
      'status-code': types.wrap_int(reply.status),
      'status-description': reply.description,
      ...(reply.condition === undefined ? {} : { 'error-condition': reply.condition }),
    },
    body: reply.body,
  } as Message;
}

const UUID_BYTES = 16;

/** rhea writes every id of type Buffer as a uuid. */
const correlation = (id: unknown): unknown =>
  Buffer.isBuffer(id) && id.length !== UUID_BYTES ? types.wrap_binary(id) : id;
