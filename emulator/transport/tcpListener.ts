/** Listens for connections of AMQP or MQTT, over plain TCP or TLS. */

import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { listen } from '../listen';
import type { Log } from '../log';
import { clientCertificate, deviceServerOptions } from './clientCertificate';
import { corkWrites } from './corkWrites';
import { trackTcpSockets } from './tcpSockets';
import { serverNameOf } from './hostName';
import type { Transport } from './transport';

export interface TcpListener {
  readonly port: number;
  isListening(): boolean;
  /** Ends every connection and frees the port. */
  close(): Promise<void>;
}

export interface TcpListenerOptions {
  /** The name of the protocol in the log. */
  readonly protocol: 'amqp' | 'amqps' | 'mqtts';
  /** The IP address to listen on. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM; absent: plain TCP. */
  readonly certificate?: { readonly key: string; readonly cert: string };
  /** PEM; authorities that sign certificates of clients. */
  readonly trustedCas?: readonly string[];
  readonly accept: (transport: Transport) => void;
  readonly log: Log;
}

/**
 * Listens for clients of AMQP or MQTT. Rejects with Node's listen error (`code`,
 * `port`).
 */
export async function startTcpListener(options: TcpListenerOptions): Promise<TcpListener> {
  const { protocol, certificate, trustedCas = [], accept, log } = options;
  const serve = (stream: Socket) => {
    const { remoteAddress = '', remotePort = 0 } = stream;
    const peer = `${protocol} ${remoteAddress}:${remotePort}`;
    if (log.isDebug) {
      log.debug(() => `${peer} connected`);
      stream.on('close', () => log.debug(() => `${peer} disconnected`));
    }
    stream.on('error', () => undefined); // clients may reset connections; 'close' is emitted afterwards
    stream.setNoDelay(true);
    corkWrites(stream);
    accept({
      hostNames: [serverNameOf(stream)],
      peer,
      stream,
      reset: () => sockets.reset(stream),
      clientCertificate: () => clientCertificate(stream),
    });
  };
  const server = certificate
    ? createTlsServer(deviceServerOptions(certificate, trustedCas), serve)
    : createServer(serve);
  const sockets = trackTcpSockets(server);
  // The client does not trust the certificate, or does not use TLS.
  server.on('tlsClientError', ({ message }: Error) => log.debug(() => `${protocol} TLS failed: ${message}`));
  const port = await listen(server, options.address, options.port);
  return {
    port,
    isListening: () => server.listening,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sockets.destroyAll();
      }),
  };
}
