import type { Duplex } from 'node:stream';

/** The transport of an AMQP or MQTT connection: TCP, TLS or a WebSocket. */
export interface Transport {
  /** Names the connection in the log: `amqp 127.0.0.1:50312`. */
  readonly peer: string;
  readonly stream: Duplex;
  /** Ends the connection with a TCP reset. */
  reset(): void;
  /** SHA-1 and SHA-256 of the client's certificate, in hexadecimal; none without a certificate. */
  clientThumbprints(): readonly string[];
}
