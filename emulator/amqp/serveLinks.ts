/** Serves the sessions and links of an AMQP client. */

import type { Delivery, EventContext, Message, Receiver, Sender, Session } from 'rhea';
import type { Log } from '../log';
import { hostNameOf, type Transport } from '../transport';
import { acceptConnection } from './acceptConnection';
import { answerAttach } from './answerAttach';
import type { AmqpCondition } from './condition';
import { conformSession } from './conformSession';
import { sourcePath, targetPath } from './entityPath';
import { DELIVERY_OUTCOMES, type ClientLinks, type LinkSource, type LinkTarget } from './links';
import { settleSecond, stopHeartbeats } from './rheaInternals';
import type { SaslMechanisms } from './saslMechanisms';

/** Events after which a connection has no more links. */
const ENDINGS = ['connection_close', 'disconnected', 'connection_error', 'protocol_error', 'error'] as const;
/** How long a client may take to open its AMQP connection, as for MQTT. The hub's own limit is not published. */
const OPEN_TIMEOUT_MS = 30_000;
/** Errors that the client reports when it closes something. They are ignored, because the close event follows. */
const REPORTED_ERRORS = ['session_error', 'receiver_error', 'sender_error'] as const;

export interface ServedLinks {
  /** Number of open AMQP sessions. */
  sessions(): number;
  /** The links on which the client receives. */
  sources(): readonly (readonly [Sender, LinkSource])[];
  /** Sends an AMQP close, with or without an error. */
  close(error?: AmqpCondition): void;
  /** Ends every session, without an error or with one; returns how many. */
  endSessions(error?: AmqpCondition): number;
  /** Detaches the links of both directions whose entity has one of the paths; returns how many. */
  detach(isDetached: (path: string) => boolean, error?: AmqpCondition): number;
}

export interface LinksOptions {
  readonly transport: Transport;
  readonly mechanisms: SaslMechanisms;
  readonly log: Log;
  /**
   * Called when the client has opened its connection. Returns what attaches its links, or the error that closes it.
   *
   * @param hostNames the hosts that the client named, in lower case
   */
  readonly open: (hostNames: readonly (string | undefined)[]) => ClientLinks | AmqpCondition;
  /** Called when the connection has ended, and its links have been closed. It may be called again. */
  readonly onEnd: () => void;
}

export function serveLinks({ transport, mechanisms, log, open, onEnd }: LinksOptions): ServedLinks {
  const { stream, peer } = transport;
  const accepted = acceptConnection(stream, mechanisms);
  const { connection } = accepted;
  const sources = new Map<Sender, LinkSource>();
  const targets = new Map<Receiver, LinkTarget>();
  /** The links of each session: a connection may have thousands. */
  const sessions = new Map<Session, Set<Sender | Receiver>>();
  const linksOf = (session: Session) => [...(sessions.get(session) ?? [])];
  /** Undefined before the connection is open, and after it has ended. */
  let links: ClientLinks | undefined;
  let hasEnded = false;

  const forget = (link: Sender | Receiver) => {
    const map: Map<Sender | Receiver, LinkSource | LinkTarget> = link.is_receiver() ? targets : sources;
    const attached = map.get(link);
    map.delete(link);
    sessions.get(link.session)?.delete(link);
    attached?.close();
  };
  const ownLinks = () => [...sources.keys(), ...targets.keys()];

  const openTimeout = setTimeout(() => {
    // A fault of the emulator may keep the client's bytes back.
    if (stream.isPaused()) openTimeout.refresh();
    else stream.destroy();
  }, OPEN_TIMEOUT_MS);
  connection.on('connection_open', () => {
    clearTimeout(openTimeout);
    // A client may send another open frame after its close, in the same write. rhea accepts both.
    if (hasEnded) {
      stream.destroy();
      return;
    }
    const { hostname } = connection as { hostname?: string };
    const opened = open([hostNameOf(hostname), ...transport.hostNames]);
    if ('condition' in opened) accepted.close(opened);
    else links = opened;
  });
  stream.on('drain', () => {
    for (const source of sources.values()) source.wake();
  });
  connection.on('session_open', ({ session }: EventContext) => {
    if (!session) return;
    sessions.set(session, new Set());
    conformSession(session, {
      onFlow: () => {
        for (const link of linksOf(session)) sources.get(link as Sender)?.wake();
      },
    });
  });
  connection.on('session_close', ({ session }: EventContext) => {
    if (!session) return;
    for (const link of linksOf(session)) forget(link);
    sessions.delete(session);
  });

  connection.on('sender_open', ({ sender }: { sender: Sender }) => {
    // Without links, the frame was read from the buffer after the end: a link attached now would never be closed.
    if (!links) return;
    const path = sourcePath(sender);
    const attached = links.attachSource(sender, path);
    const isAccepted = 'wake' in attached;
    log.debug(() => `${peer} receives from '${path}': ${isAccepted ? 'accepted' : attached.condition}`);
    answerAttach(sender, { isAccepted });
    if (!isAccepted) {
      sender.close({ ...attached });
      return;
    }
    sources.set(sender, attached);
    sessions.get(sender.session)?.add(sender);
  });
  connection.on('sendable', ({ sender }: { sender: Sender }) => sources.get(sender)?.wake());
  for (const outcome of DELIVERY_OUTCOMES) {
    connection.on(outcome, ({ sender, delivery }: { sender?: Sender; delivery: Delivery }) => {
      if (!sender) return;
      sources.get(sender)?.settled?.(delivery, outcome);
      settleSecond(delivery);
    });
  }
  connection.on('sender_close', ({ sender }: { sender: Sender }) => forget(sender));

  connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
    if (!links) return;
    const path = targetPath(receiver);
    const attached = links.attachTarget(receiver, path);
    const isAccepted = 'receive' in attached;
    log.debug(() => `${peer} sends to '${path}': ${isAccepted ? 'accepted' : attached.condition}`);
    answerAttach(receiver, { isAccepted });
    if (!isAccepted) {
      receiver.close({ ...attached });
      return;
    }
    targets.set(receiver, attached);
    sessions.get(receiver.session)?.add(receiver);
  });
  connection.on('receiver_close', ({ receiver }: { receiver: Receiver }) => forget(receiver));
  connection.on(
    'message',
    ({ receiver, message, delivery }: { receiver: Receiver; message: Message; delivery: Delivery }) => {
      log.debug(() => `${peer} sent a message to '${targetPath(receiver)}'`);
      targets.get(receiver)?.receive(message, delivery);
    },
  );

  const end = () => {
    hasEnded = true;
    links = undefined;
    for (const link of ownLinks()) forget(link);
    onEnd();
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
    sources: () => [...sources],
    close: accepted.close,
    endSessions(error) {
      for (const link of ownLinks()) forget(link);
      return accepted.endSessions(error);
    },
    detach(isDetached, error) {
      const detached = accepted
        .links()
        .filter((link) =>
          isDetached(link.is_sender() ? sourcePath(link as Sender) : targetPath(link as Receiver)),
        );
      for (const link of detached) {
        link.close(error && { ...error });
        forget(link);
      }
      return detached.length;
    },
  };
}
