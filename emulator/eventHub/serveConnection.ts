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
  DELIVERY_OUTCOMES,
  OutgoingLink,
  settleNow,
  settleSecond,
  stopHeartbeats,
  type AmqpCondition,
  type LinkSource,
  type LinkTarget,
} from '../amqp';
import { createDeviceLinks, createDeviceTokens, deviceNodeOf } from '../deviceAmqp';
import type { Hub } from '../hub';
import { hostNameOf, type Transport } from '../transport';
import { PROVISIONING } from '../wellKnown';
import { attachReader, pathOf } from './attachReader';
import { createClaims } from './claims';
import { entityPath } from './entityPath';
import { plainMechanisms } from './plainLogin';
import { putToken } from './putToken';
import type { Readers } from './readers';
import { refusalOfHost, refusalOfSender, unauthorizedFor } from './refusals';
import { isDevicebound, sendToDevice } from './serviceMessages';
import { attachServiceNode, serviceNodeOf } from './serviceSource';
import { readManagement, requestNodeOf, type Reply, type RequestNode } from './requests';

/** Events after which a connection has no more readers. */
const ENDINGS = ['connection_close', 'disconnected', 'connection_error', 'protocol_error', 'error'] as const;
/** How long a client may take to open its AMQP connection, as for MQTT. The hub's own limit is not published. */
const OPEN_TIMEOUT_MS = 30_000;
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

/** Serves one AMQP 1.0 client: a reader of the built-in Event Hub endpoint, a service, or devices. */
export function serveConnection(transport: Transport, hub: Hub, readers: Readers): ServedConnection {
  const { stream, peer } = transport;
  const { log } = hub;
  const claims = createClaims(() => {
    for (const [link, source] of sources) {
      const path = pathOf(link);
      if (!deviceNodeOf(path) && !claims.cover(path)) source.close(unauthorizedFor('Listen', path));
    }
  });
  const tokens = createDeviceTokens(hub, transport.clientCertificate, () => devices.detachUnauthorized());
  const devices = createDeviceLinks(hub, tokens, transport.reset);
  let isRegistration = false;
  const accepted = acceptConnection(
    stream,
    plainMechanisms(
      hub,
      () => ({ claims, tokens }),
      () => (isRegistration = true),
    ),
  );
  const { connection } = accepted;
  const replyLinks = new Map<Sender, OutgoingLink>();
  const sources = new Map<Sender, LinkSource>();
  const targets = new Map<Receiver, LinkTarget>();
  const sessions = new Set<Session>();
  let ended = false;

  const forget = (link: Sender | Receiver) => {
    if (link.is_receiver()) {
      const target = targets.get(link as Receiver);
      targets.delete(link as Receiver);
      target?.close();
      return;
    }
    const sender = link as Sender;
    const source = sources.get(sender);
    sources.delete(sender);
    source?.close();
    replyLinks.delete(sender);
  };
  const ownLinks = () => [...sources.keys(), ...replyLinks.keys(), ...targets.keys()];

  const openTimeout = setTimeout(() => {
    // A fault of the emulator may keep the client's bytes back.
    if (stream.isPaused()) openTimeout.refresh();
    else stream.destroy();
  }, OPEN_TIMEOUT_MS);
  connection.on('connection_open', () => {
    clearTimeout(openTimeout);
    const named = [openHostName(connection), ...transport.hostNames];
    const foreign = isRegistration ? PROVISIONING.globalHostName : hub.foreignHost(named);
    if (foreign === undefined) return;
    log.debug(() => `${peer} opened a connection to '${foreign}': not here`);
    ended = true; // links that the client has already opened get no response
    accepted.close(refusalOfHost(foreign));
  });
  stream.on('drain', () => {
    for (const source of sources.values()) source.wake();
  });
  connection.on('session_open', ({ session }: EventContext) => {
    if (!session) return;
    sessions.add(session);
    conformSession(session, {
      onFlow: () => {
        for (const [link, source] of sources) if (link.session === session) source.wake();
      },
    });
  });
  connection.on('session_close', ({ session }: EventContext) => {
    if (session) sessions.delete(session);
    for (const link of ownLinks()) if (link.session === session) forget(link);
  });

  const attachSource = (link: Sender, path: string): LinkSource | AmqpCondition => {
    const node = deviceNodeOf(path);
    if (node) return devices.attachSource(link, node);
    const serviceNode = serviceNodeOf(hub, path);
    if (serviceNode) return attachServiceNode(hub, claims, link, path, serviceNode);
    return attachReader(hub, readers, claims, link, () => stream.writableLength);
  };

  /** A link on which the client receives: responses of `$cbs` and `$management`, or messages of a partition. */
  connection.on('sender_open', ({ sender }: { sender: Sender }) => {
    if (ended) return; // the frame was read from the buffer after the connection ended: a reader created now would never be closed
    const path = pathOf(sender);
    if (requestNodeOf(path, hub.identity)) {
      replyLinks.set(sender, new OutgoingLink(sender));
      answerAttach(sender, { isAccepted: true });
      return;
    }
    const attached = attachSource(sender, path);
    const isAccepted = 'wake' in attached;
    log.debug(() => `${peer} receives from '${path}': ${isAccepted ? 'accepted' : attached.condition}`);
    answerAttach(sender, { isAccepted });
    if (isAccepted) sources.set(sender, attached);
    else sender.close({ ...attached });
  });
  connection.on('sendable', ({ sender }: { sender: Sender }) => {
    sources.get(sender)?.wake();
    replyLinks.get(sender)?.flush();
  });
  for (const outcome of DELIVERY_OUTCOMES) {
    connection.on(outcome, ({ sender, delivery }: { sender?: Sender; delivery: Delivery }) => {
      if (!sender) return;
      sources.get(sender)?.settled?.(delivery, outcome);
      settleSecond(delivery);
    });
  }
  connection.on('sender_close', ({ sender }: { sender: Sender }) => forget(sender));

  /** A link on which the client sends: requests, messages to devices, and what a device sends. */
  connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
    if (ended) return;
    const path = targetPath(receiver);
    const node = deviceNodeOf(path);
    const attached = node && devices.attachTarget(receiver, node);
    if (attached && 'receive' in attached) targets.set(receiver, attached);
    const isAccepted =
      targets.has(receiver) ||
      requestNodeOf(path, hub.identity) !== undefined ||
      (isDevicebound(path) && claims.cover(path));
    answerAttach(receiver, { isAccepted });
    if (isAccepted) {
      log.debug(() => `${peer} sends to '${path}': accepted`);
      return;
    }
    const error = attached && 'condition' in attached ? attached : refusalOfSender(path, hub.identity);
    log.debug(() => `${peer} sends to '${path}': ${error.condition}`);
    receiver.close({ ...error });
  });
  connection.on('receiver_close', ({ receiver }: { receiver: Receiver }) => forget(receiver));
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
      const target = targets.get(receiver);
      log.debug(() => `${peer} sent a message to '${targetPath(receiver)}'`);
      if (target) {
        target.receive(message, delivery);
        return;
      }
      const path = targetPath(receiver);
      if (isDevicebound(path)) {
        sendToDevice(hub, message, {
          settle: (error) => {
            if (receiver.is_open()) settleNow(receiver.session, delivery, error);
          },
          reset: transport.reset,
        });
        return;
      }
      // Sent before the response: Microsoft's uamqp treats a response that arrives first as a protocol error.
      settleNow(receiver.session, delivery);
      const reply =
        path === '$cbs' ? putToken(hub, { claims, tokens }, message) : readManagement(hub, claims, message);
      log.debug(() => `${peer} request to '${path}': ${reply?.status ?? 'no response'}`);
      if (reply) replyLinkFor(path, message)?.send(response(message, reply));
    },
  );

  /**
   * Finds the link by `reply-to`, its target or its name. Clients without `reply-to` have one response link per node.
   */
  const replyLinkFor = (path: string, { reply_to: replyTo }: Message): OutgoingLink | undefined => {
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
    for (const link of ownLinks()) forget(link);
    devices.end();
  };
  for (const ending of ENDINGS) connection.on(ending, end);
  // rhea does not report the end of a connection that was reset, or closed while it opened. The stream reports both.
  stream.once('close', () => {
    clearTimeout(openTimeout);
    end();
    stopHeartbeats(connection);
  });
  for (const error of REPORTED_ERRORS) connection.on(error, () => undefined);

  accepted.start();
  return {
    sessions: () => sessions.size,
    close: accepted.close,
    endSessions(error) {
      for (const link of ownLinks()) forget(link);
      return accepted.endSessions(error);
    },
    detachRequestLinks(node, error) {
      const links = accepted.links().filter((link) => requestNodeOf(addressOf(link), hub.identity) === node);
      for (const link of links) {
        link.close(error && { ...error });
        if (link.is_sender()) forget(link);
      }
      return links.length;
    },
  };
}

/** The host to which the client wants to connect. */
const openHostName = (connection: { hostname?: string }): string | undefined =>
  hostNameOf(connection.hostname);

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
