import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as z from 'zod';
import { json } from '../http/answer';
import { readJson } from '../http/body';
import { endpoint } from '../http/endpoint';
import { requireShape } from '../http/shape';
import { requireDeviceId, requireMessageId, requireProperties } from '../iothub';
import { Problem } from '../problems';
import type { Startup } from '../startup';

/** Room for several of the hub's largest messages (256 KB); a larger body is refused unread. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

const body = z.object({
  deviceId: z.string(),
  deviceKey: z.string().min(1).max(256),
  deviceMessage: z.unknown().refine((value) => value !== undefined, 'is missing'),
  messageId: z.string().optional(),
  properties: z.record(z.string(), z.string()).optional(),
});

/** `POST /api/messages`: sends a message as the device whose key it brings, from any allowed origin. */
export function sendMessage({ hub, cors }: Startup): void {
  app.http('sendMessage', {
    route: 'messages',
    methods: ['POST', 'OPTIONS', 'GET'],
    authLevel: 'anonymous',
    handler: endpoint({
      cors,
      warmUp: () => hub().warmUp(),
      handle: async (request) => {
        const { telemetry } = hub();
        if (request.method !== 'POST') throw new Problem('not_found', 'Messages are sent by POST.');
        const { deviceId, deviceKey, ...sent } = requireShape(body, await readJson(request, MAX_BODY_BYTES));
        const { deviceMessage: data, messageId = randomUUID(), properties = {} } = sent;
        requireDeviceId(deviceId);
        requireMessageId(messageId);
        requireProperties(properties);

        await telemetry.send({ deviceId, deviceKey }, { data, messageId, properties });
        return json(201, {
          Data: `1 message(s) from ${deviceId} sent successfully`,
          results: [{ messageId, status: 'accepted' }],
        });
      },
    }),
  });
}
