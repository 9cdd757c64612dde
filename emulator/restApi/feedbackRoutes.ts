/** Feedback of cloud-to-device messages (rest/api/iothub/service/cloud-to-device-messages). */

import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import type { HubRequest, Route } from './route';
import { serviceRoute } from './serviceRoute';

const PATH = ['messages', 'servicebound', 'feedback'];

export function feedbackRoutes(hub: Hub): Route[] {
  const { feedback } = hub;
  const route = (method: string, path: readonly string[], handle: (request: HubRequest) => HubResponse) =>
    serviceRoute(hub, { target: 'messages', method, path, permission: 'ServiceConnect' }, handle);
  const lockTokenOf = ({ segments }: HubRequest): string => segments[3] ?? '';

  return [
    route('GET', PATH, () => {
      const batch = feedback.receive();
      if (!batch) return { status: 204 };
      const headers = {
        'iothub-enqueuedtime': new Date(batch.enqueuedTime).toUTCString(),
        'iothub-sequencenumber': String(batch.sequenceNumber),
        'iothub-deliverycount': String(batch.deliveryCount),
      };
      return { status: 200, body: batch.item, headers, etag: batch.lockToken };
    }),
    route('DELETE', [...PATH, '*'], (request) => {
      feedback.complete(lockTokenOf(request));
      return { status: 204 };
    }),
    route('POST', [...PATH, '*', 'abandon'], (request) => {
      feedback.abandon(lockTokenOf(request));
      return { status: 204 };
    }),
  ];
}
