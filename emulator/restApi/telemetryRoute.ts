import type { Hub } from '../hub';
import {
  BATCH_CONTENT_TYPE,
  headerPairs,
  MAX_MESSAGE_BYTES,
  readBatch,
  sortHeaders,
  storeTelemetry,
  type NewMessage,
} from '../telemetry';
import { deviceRoute } from './deviceRoute';
import type { HubRequest, Route } from './route';

/**
 * `POST /devices/{id}/messages/events`: one message, or a batch (rest/api/iothub/device/send-device-event). 204 means
 * that the hub has stored all messages.
 */
export const telemetryRoute = (hub: Hub): Route =>
  deviceRoute(
    hub,
    {
      target: 'telemetry',
      method: 'POST',
      path: ['devices', '*', 'messages', 'events'],
      maxBodyBytes: MAX_MESSAGE_BYTES,
    },
    (origin, request) => {
      storeTelemetry(hub, origin, readMessages(request));
      return { status: 204 };
    },
  );

function readMessages(request: HubRequest): NewMessage[] {
  const [contentType = ''] = (request.headers['content-type'] ?? '').split(';', 1);
  return contentType.trim().toLowerCase() === BATCH_CONTENT_TYPE
    ? readBatch(request.body)
    : [{ body: request.body, ...sortHeaders(headerPairs(request.rawHeaders)) }];
}
