import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { decodePathSegment } from '../decodePathSegment';
import { IotHubError, notImplemented } from '../iotHubError';
import type { WebSocketUpgrade } from '../transport';

/** WebSocket paths of Event Hubs, and of IoT Hub, where devices and services use AMQP or MQTT. */
const PATHS = ['/$servicebus/websocket', '/$iothub/websocket'];

/**
 * Serves AMQP and MQTT over WebSockets, by the subprotocol that the client offers. Without a subprotocol it is AMQP.
 *
 * @throws IotHubError if the request is for another protocol
 */
export function createUpgradeHandler(upgrades: {
  readonly amqp: WebSocketUpgrade;
  readonly mqtt: WebSocketUpgrade;
}) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer, reset: () => void): void => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    // .NET's client appends a slash.
    if (!PATHS.includes(decodePathSegment(path).toLowerCase().replace(/\/+$/, ''))) {
      throw new IotHubError('InvalidOperation', `There are WebSockets at ${PATHS.join(' and ')} only.`);
    }
    const hasChoice = request.headers['sec-websocket-protocol'] !== undefined;
    const upgrade = hasChoice
      ? [upgrades.amqp, upgrades.mqtt].find((candidate) => candidate.isOffered(request))
      : upgrades.amqp;
    if (!upgrade) throw notImplemented('this WebSocket subprotocol');
    upgrade.accept(request, socket, head, reset);
  };
}
