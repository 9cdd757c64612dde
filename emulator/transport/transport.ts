import type { Duplex } from 'node:stream';

/** What a connection of AMQP or MQTT runs over: TCP, TLS or a WebSocket. */
export interface Transport {
  readonly stream: Duplex;
  /** Ends the connection with a TCP reset. */
  reset(): void;
  /** SHA-1 and SHA-256 of the client's certificate, in hexadecimal; none without a certificate. */
  clientThumbprints(): readonly string[];
}
