import type { Duplex } from 'node:stream';
import type { ClientCertificate } from './clientCertificate';

/** The transport of an AMQP or MQTT connection: TCP, TLS or a WebSocket. */
export interface Transport {
  /** The hosts that the client named: in the `Host` header, then in TLS (SNI). None over plain TCP. Lower case. */
  readonly hostNames: readonly (string | undefined)[];
  /** Names the connection in the log: `amqp 127.0.0.1:50312`. */
  readonly peer: string;
  readonly stream: Duplex;
  /** Ends the connection with a TCP reset. */
  reset(): void;
  /** The client's certificate; undefined if it has none. */
  clientCertificate(): ClientCertificate | undefined;
}
