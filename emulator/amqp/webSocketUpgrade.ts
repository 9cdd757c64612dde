import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { corkWrites } from './corkWrites';
import type { Transport } from './transport';

/** Microsoft's name of the subprotocol, and that of the OASIS binding (AMQP WebSocket Binding 1.0, 2.1). */
export const AMQP_SUBPROTOCOLS = ['AMQPWSB10', 'amqp'];

/** A client may put several frames of 64 KB into one WebSocket message. */
const MAX_WEBSOCKET_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Turns an HTTP request for an upgrade into an AMQP connection. */
export type WebSocketUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  reset: () => void,
) => void;

/** AMQP over WebSockets. The caller has checked the path and that `hasAmqpSubprotocol`. */
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

/** Whether the client offers a subprotocol of AMQP, or leaves the choice to the server. */
export function hasAmqpSubprotocol(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'];
  return offered === undefined || offered.split(',').some((name) => AMQP_SUBPROTOCOLS.includes(name.trim()));
}
