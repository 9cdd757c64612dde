import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { corkWrites } from './corkWrites';
import type { Transport } from './transport';

/** Microsoft's name for the subprotocol, and the name in the OASIS standard (AMQP WebSocket Binding 1.0, 2.1). */
export const AMQP_SUBPROTOCOLS = ['AMQPWSB10', 'amqp'];

/** A client may put several frames of 64 KB into one WebSocket message. */
const MAX_WEBSOCKET_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Upgrades an HTTP request to an AMQP connection. */
export type WebSocketUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  reset: () => void,
) => void;

/** Accepts AMQP over WebSockets. The caller has checked the path and `hasAmqpSubprotocol`. */
export function createWebSocketUpgrade(accept: (transport: Transport) => void): WebSocketUpgrade {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_WEBSOCKET_MESSAGE_BYTES,
    handleProtocols: (offered) => AMQP_SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  return (request, socket, head, reset) => {
    corkWrites(socket);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      accept({ stream: createWebSocketStream(webSocket), reset });
    });
  };
}

/** Whether the client offers a subprotocol of AMQP, or no subprotocol at all. */
export function hasAmqpSubprotocol(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'];
  return offered === undefined || offered.split(',').some((name) => AMQP_SUBPROTOCOLS.includes(name.trim()));
}
