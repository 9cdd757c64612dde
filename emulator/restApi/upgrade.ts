import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { hasAmqpSubprotocol, type WebSocketUpgrade } from '../amqp';
import { IotHubError } from '../iotHubError';
import { notImplemented } from './notEmulated';

/** WebSocket paths of Event Hubs, and of IoT Hub, where devices and services use AMQP or MQTT. */
const PATHS = ['/$servicebus/websocket', '/$iothub/websocket'];

/** Serves AMQP over WebSockets. @throws IotHubError if the request is for another protocol */
export function createUpgradeHandler(upgrade: WebSocketUpgrade): WebSocketUpgrade {
  return (request: IncomingMessage, socket: Duplex, head: Buffer, reset: () => void) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    // .NET's client appends a slash.
    if (!PATHS.includes(decodeSafely(path).toLowerCase().replace(/\/+$/, ''))) {
      throw new IotHubError('InvalidOperation', `There are WebSockets at ${PATHS.join(' and ')} only.`);
    }
    if (!hasAmqpSubprotocol(request)) {
      const offered = request.headers['sec-websocket-protocol'] ?? '';
      throw notImplemented(/mqtt/i.test(offered) ? 'MQTT' : 'this WebSocket subprotocol');
    }
    upgrade(request, socket, head, reset);
  };
}

function decodeSafely(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
