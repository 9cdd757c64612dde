import type { Duplex } from 'node:stream';
import type { Connection, Delivery, Dictionary, Receiver, Sender, Session } from 'rhea';
import type { AmqpCondition } from './condition';

/**
 * The internals of rhea that a server needs and that its types do not declare. rhea is written for clients, and the
 * files of this folder complete it. Everything that depends on its internals is in this folder.
 */

/** A list of AMQP fields: a performative, a source or a target. */
export interface Composite {
  readonly constructor: { readonly descriptor: { readonly numeric: number } };
  value: unknown[];
}

export interface Frame {
  readonly channel: number;
  readonly performative: Composite & Record<string, unknown>;
  readonly payload?: Buffer;
}

/** A session's flow control. */
interface Outgoing {
  readonly next_delivery_id: number;
  readonly next_pending_delivery: number;
  readonly deliveries: { by_id(id: number): { readonly link: Sender } | undefined };
  remote_next_transfer_id: number | undefined;
  /** Maximum number of transfer frames that the peer's session accepts. */
  readonly remote_window: number | undefined;
  /** Deliveries that fit in rhea's buffer. */
  available(): number;
  /** Number of transfer frames that still fit into the peer's session window. */
  transfer_window(): number;
}

export interface LinkInternals {
  readonly name: string;
  readonly local: { readonly attach: Record<string, unknown> & Composite };
  readonly remote: { readonly attach: Record<string, unknown> & Composite };
  readonly state: { readonly local_open: boolean };
  issue_flow: boolean;
  _incomplete?: { readonly frames: readonly Buffer[] };
  is_receiver(): boolean;
}

export interface SessionInternals {
  readonly outgoing: Outgoing;
  readonly incoming: { next_transfer_id: number; process(session: unknown): void };
  readonly local: {
    readonly begin: Record<string, unknown>;
    readonly handles: Record<number, LinkInternals>;
  };
  readonly remote: {
    readonly begin: Record<string, unknown>;
    readonly handles: Record<number, LinkInternals>;
  };
  links: Record<string, LinkInternals>;
  on_attach(frame: Frame): void;
  on_flow(frame: Frame): void;
  on_transfer(frame: Frame): void;
  remove_link(link: LinkInternals): void;
  _write_flow(link?: LinkInternals): void;
}

interface Transport {
  encode(frame: Frame): void;
  peek_size(buffer: Buffer): number | undefined;
}

/** rhea's SASL layer for servers. */
export interface SaslServer {
  readonly transport: Transport;
  /** SASL's outcome code, undefined until the exchange ends. 0 means authenticated. */
  readonly outcome: number | undefined;
  readonly username: string | undefined;
  on_sasl_init(frame: Frame): void;
}

type FrameName = 'begin' | 'attach' | 'flow' | 'transfer' | 'disposition' | 'detach' | 'end';

export type ConnectionInternals = Record<`on_${FrameName}`, (frame: Frame) => void> & {
  readonly amqp_transport: Transport;
  readonly sasl_transport: { readonly transports: Readonly<Record<number, SaslServer>> };
  readonly local: { readonly close: { error?: unknown } };
  readonly local_channel_map: Record<number, Session>;
  readonly remote_channel_map: Record<number, { readonly state: { readonly local_open: boolean } }>;
  readonly state: { readonly local_open: boolean };
  socket_ready: boolean;
  heartbeat_in?: NodeJS.Timeout;
  heartbeat_out?: NodeJS.Timeout;
  accept(stream: Duplex): void;
  _register(): void;
  _write_frame(channel: number, frame: Composite, payload?: Buffer): void;
};

export const internalsOf = (connection: Connection) => connection as unknown as ConnectionInternals;
export const sessionInternals = (session: Session) => session as unknown as SessionInternals;
export const linkInternals = (link: unknown) => link as LinkInternals;
export const outgoingOf = (session: Session): Outgoing => sessionInternals(session).outgoing;

/** The credit of a sending link, and whether the receiver drains it: waits until the credit is used or returned. */
export function creditOf(link: Sender): { credit: number; isDraining: boolean } {
  const { credit, _draining } = link as unknown as { credit: number; _draining?: boolean };
  return { credit, isDraining: _draining === true };
}

/**
 * Number of a link's messages that rhea has not written yet, because the peer's session has no room for them, or until
 * the end of this turn. Their credit still counts as available.
 */
export function unwrittenOf(link: Sender): number {
  const { deliveries, next_pending_delivery: first, next_delivery_id: end } = outgoingOf(link.session);
  let unwritten = 0;
  for (let id = first; id < end; id++) if (deliveries.by_id(id)?.link === link) unwritten++;
  return unwritten;
}

/** Returns the remaining credit to a receiver that drains the link. */
export function returnCredit(link: Sender): void {
  link.set_drained(true);
  internalsOf(link.connection)._register();
}

/** `settled` of a delivery is read-only in rhea's types, but rhea's own auto-settle sets it. */
export function sendEncoded(link: Sender, payload: Buffer, settled: boolean): void {
  const delivery = link.send(payload, undefined, 0) as { settled: boolean };
  if (settled) delivery.settled = true;
}

/**
 * Accepts a delivery, or rejects it with the error, and writes the disposition immediately. rhea would write it after
 * transfers that were sent later.
 */
export function settleNow(session: Session, delivery: Delivery, error?: AmqpCondition): void {
  if (error) delivery.reject({ ...error });
  else delivery.accept();
  sessionInternals(session).incoming.process(session);
}

/**
 * Settles a sent delivery when the client has stated its outcome and waits for our settlement (AMQP 1.0, 2.8.3,
 * rcv-settle-mode `second`). Until both sides have settled it, rhea keeps the delivery. The fields of the client's
 * outcome are not returned: rhea cannot write everything that it reads.
 */
export function settleSecond(delivery: Delivery): void {
  const { settled, remote_settled: isRemoteSettled, remote_state: outcome } = delivery;
  if (settled || isRemoteSettled || outcome === undefined) return;
  const { create } = outcome.constructor as unknown as { create(): { described(): object } };
  delivery.update(true, create().described());
}

/** The fields of an attach frame that rhea's types do not expose. */
export function remoteAttach(link: Sender | Receiver): {
  properties: Dictionary<unknown>;
  desiredCapabilities: string[];
} {
  const capabilities = link.desired_capabilities as string | string[] | undefined;
  return {
    properties: (link.properties as Dictionary<unknown> | undefined) ?? {},
    desiredCapabilities: [capabilities ?? []].flat().map(String),
  };
}

/**
 * If a connection is closed after its socket has ended, rhea restarts its timers. They keep the connection alive for
 * several minutes.
 */
export function stopHeartbeats(connection: Connection): void {
  const internals = internalsOf(connection);
  internals.socket_ready = false; // rhea now neither writes nor starts a timer
  clearTimeout(internals.heartbeat_in);
  clearTimeout(internals.heartbeat_out);
}
