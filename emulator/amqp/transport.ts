import type { Duplex } from 'node:stream';

/** What an AMQP connection runs over: TCP, TLS or a WebSocket. */
export interface Transport {
  readonly stream: Duplex;
  /** Ends the connection with a TCP reset. */
  reset(): void;
}
