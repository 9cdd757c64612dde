import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { clientCertificate } from './clientCertificate';
import { corkWrites } from './corkWrites';
import { hostNameOf, serverNameOf } from './hostName';
import type { Transport } from './transport';

/** A client may put several frames of 64 KB, or an MQTT packet of more than 256 KB, into one WebSocket message. */
const MAX_WEBSOCKET_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Upgrades an HTTP request to an AMQP or MQTT connection. */
export interface WebSocketUpgrade {
  /** Whether the client offers one of the protocol's subprotocols. */
  isOffered(request: IncomingMessage): boolean;
  /** Accepts the upgrade. The caller has checked the path. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, reset: () => void): void;
}

/** @param subprotocols the protocol's names in `Sec-WebSocket-Protocol`, the preferred one first */
export function createWebSocketUpgrade(
  subprotocols: readonly string[],
  accept: (transport: Transport) => void,
): WebSocketUpgrade {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_WEBSOCKET_MESSAGE_BYTES,
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  });
  return {
    isOffered: (request) =>
      request.headers['sec-websocket-protocol']
        ?.split(',')
        .some((name) => subprotocols.includes(name.trim())) ?? false,
    accept(request, socket, head, reset) {
      corkWrites(socket);
      server.handleUpgrade(request, socket, head, (webSocket) => {
        accept({
          hostNames: [hostNameOf(request.headers.host), serverNameOf(request.socket)],
          peer: `wss ${request.socket.remoteAddress ?? ''}:${request.socket.remotePort ?? 0}`,
          stream: createWebSocketStream(webSocket),
          reset,
          clientCertificate: () => clientCertificate(socket),
        });
      });
    },
  };
}
