import type { Duplex } from 'node:stream';

/** The transport of an AMQP connection: TCP, TLS or a WebSocket. */
export interface Transport {
  readonly stream: Duplex;
  /** Ends the connection with a TCP reset. */
  reset(): void;
}
