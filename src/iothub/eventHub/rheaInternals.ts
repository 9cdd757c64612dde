import type { Connection, Session } from 'rhea';
import { AmqpError } from './amqpError';

/**
 * Stops the timers of a connection whose socket has ended. rhea restarts them when the connection is closed after
 * that, and they would keep the process alive for two more minutes.
 */
export function stopHeartbeats(connection: Connection): void {
  const internals = connection as unknown as {
    socket_ready: boolean;
    heartbeat_in?: NodeJS.Timeout;
    heartbeat_out?: NodeJS.Timeout;
  };
  internals.socket_ready = false; // rhea now neither writes nor starts a timer
  clearTimeout(internals.heartbeat_in);
  clearTimeout(internals.heartbeat_out);
}

/**
 * Ends the connection when the service aborts a delivery. rhea ignores the flag (AMQP 1.0, 2.7.5) and would deliver the
 * part of the message that has arrived as a whole message.
 */
export function refuseAbortedDeliveries(session: Session): Session {
  const internals = session as unknown as {
    on_transfer: (frame: { performative: { aborted?: boolean } }) => void;
  };
  const handle = internals.on_transfer.bind(session);
  internals.on_transfer = (frame) => {
    // rhea reports errors of its handlers as errors of the connection.
    if (frame.performative.aborted)
      throw new AmqpError('amqp:connection:forced', 'The hub aborted a delivery');
    handle(frame);
  };
  return session;
}
