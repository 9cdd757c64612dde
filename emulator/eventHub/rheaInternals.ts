import type { Socket } from 'node:net';
import type { Connection, Dictionary, Sender, Session } from 'rhea';

/** What rhea knows of a session's flow control and does not declare. */
interface Outgoing {
  readonly next_delivery_id: number;
  readonly next_pending_delivery: number;
  /** Deliveries that fit in rhea's buffer. */
  available(): number;
  /** Transfer frames that the peer's session window still takes. */
  transfer_window(): number;
}

export const outgoingOf = (session: Session): Outgoing =>
  (session as unknown as { outgoing: Outgoing }).outgoing;

/** Event Hubs answers a receiver's attach with "settled": what is sent is done with. AMQP's snd-settle-mode 1. */
export function sendSettled(sender: Sender): void {
  (sender as unknown as { local: { attach: { snd_settle_mode: number } } }).local.attach.snd_settle_mode = 1;
}

/** A delivery's `settled` is read-only in rhea's types; setting it is how its own auto-settle works. */
export function sendPreSettled(sender: Sender, payload: Buffer): void {
  (sender.send(payload, undefined, 0) as { settled: boolean }).settled = true;
}

/**
 * Calls `onFlow` after each flow frame of a session. rhea tells only of those that name a link; one that does not opens
 * the session's window all the same.
 */
export function watchSessionFlow(session: Session, onFlow: () => void): void {
  const internals = session as unknown as { on_flow(frame: unknown): void };
  const handle = internals.on_flow.bind(session);
  internals.on_flow = (frame) => {
    handle(frame);
    onFlow();
  };
}

/** The fields of an attach that rhea's typed shortcuts do not give. */
export function remoteAttach(sender: Sender): {
  properties: Dictionary<unknown>;
  desiredCapabilities: string[];
} {
  const capabilities = sender.desired_capabilities as string | string[] | undefined;
  return {
    properties: (sender.properties as Dictionary<unknown> | undefined) ?? {},
    desiredCapabilities: [capabilities ?? []].flat().map(String),
  };
}

/** Serves a connection that a client has opened; rhea documents it and does not type it. */
export function acceptSocket(connection: Connection, socket: Socket): void {
  (connection as unknown as { accept(socket: Socket): void }).accept(socket);
}

/**
 * rhea sets its timers anew when it is told to close a connection whose socket has gone, and keeps it alive with them
 * for minutes more.
 */
export function stopHeartbeats(connection: Connection): void {
  const internals = connection as unknown as {
    socket_ready: boolean;
    heartbeat_in?: NodeJS.Timeout;
    heartbeat_out?: NodeJS.Timeout;
  };
  internals.socket_ready = false; // it writes no more, and sets no timer
  clearTimeout(internals.heartbeat_in);
  clearTimeout(internals.heartbeat_out);
}
