/** The routes of cloud-to-device messages: a device receives and settles them, a service purges them. */

import type { QueuedMessage } from '../cloudToDevice';
import type { Hub } from '../hub';
import { throttled } from '../iotHubError';
import type { HubResponse } from '../httpsServer';
import { deviceRoute } from './deviceRoute';
import type { HubRequest, Route } from './route';
import { serviceRoute } from './serviceRoute';

/** These requests have no body. */
const MAX_BODY_BYTES = 1_024;

const PATH = ['devices', '*', 'messages', 'devicebound'];

export function messageRoutes(hub: Hub): Route[] {
  const { messages } = hub;
  /** An operation of the device. Its body is empty. */
  const route = (
    method: string,
    path: readonly string[],
    handle: (deviceId: string, lockToken: string, request: HubRequest) => HubResponse,
  ): Route =>
    deviceRoute(
      hub,
      { target: 'messages', method, path, maxBodyBytes: MAX_BODY_BYTES },
      ({ deviceId }, request) => handle(deviceId, request.segments[4] ?? '', request),
    );

  return [
    route('GET', PATH, (deviceId) => {
      if (!hub.throttle.allow('receives')) throw throttled('CloudToDeviceReceive');
      const queued = messages.receive(deviceId);
      return queued ? messageResponse(queued, deviceId) : { status: 204 };
    }),
    route('DELETE', [...PATH, '*'], (deviceId, lockToken, { query }) => {
      if (query.has('reject')) messages.reject(deviceId, lockToken);
      else messages.complete(deviceId, lockToken);
      return { status: 204 };
    }),
    route('POST', [...PATH, '*', 'abandon'], (deviceId, lockToken) => {
      messages.abandon(deviceId, lockToken);
      return { status: 204 };
    }),
    serviceRoute(
      hub,
      {
        target: 'messages',
        method: 'DELETE',
        path: ['devices', '*', 'commands'],
        permission: 'ServiceConnect',
      },
      (request) => {
        const deviceId = request.segments[1] ?? '';
        const totalMessagesPurged = messages.purge(deviceId);
        return { status: 200, body: { deviceId, moduleId: null, totalMessagesPurged } };
      },
    ),
  ];
}

/** rest/api/iothub/device/receive-device-bound-notification; the names of headers are those of Microsoft's device SDKs. */
function messageResponse({ message, ...queued }: QueuedMessage, deviceId: string): HubResponse {
  const headers: Record<string, string> = {
    'iothub-to': `/devices/${encodeURIComponent(deviceId)}/messages/devicebound`,
    'iothub-sequencenumber': String(queued.sequenceNumber),
    'iothub-enqueuedtime': new Date(queued.enqueuedTime).toUTCString(),
    'iothub-expiry': new Date(queued.expiry).toUTCString(),
    'iothub-deliverycount': String(queued.deliveryCount),
    'iothub-ack': message.acknowledgement,
  };
  const optional = {
    'iothub-messageid': message.messageId,
    'iothub-correlationid': message.correlationId,
    'iothub-userid': message.userId,
    'iothub-contenttype': message.contentType,
    'iothub-contentencoding': message.contentEncoding,
  };
  for (const [name, value] of Object.entries(optional))
    if (value !== undefined) headers[name] = asHeader(value);
  for (const [name, value] of message.properties)
    headers[`iothub-app-${asHeaderName(name)}`] = asHeader(value);
  return { status: 200, rawBody: message.body, etag: queued.lockToken, headers };
}

/** Characters that the value of a header cannot contain are percent-encoded. */
const asHeader = (text: string): string => text.replace(/[^\x20-\x7e]/gu, percentEncoded);

/** The same for a part of a header's name (RFC 9110, 5.6.2: token). */
const asHeaderName = (text: string): string => text.replace(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]/gu, percentEncoded);

/** Unlike `encodeURIComponent`, it encodes parentheses, and accepts half of a surrogate pair. */
const percentEncoded = (character: string): string =>
  Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&');
