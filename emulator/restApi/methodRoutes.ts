/** Calls direct methods: `POST /twins/{id}/methods`, and the same for modules. */
import { z } from 'zod';
import type { Hub } from '../hub';
import { IotHubError, throttled } from '../iotHubError';
import {
  DEFAULT_RESPONSE_TIMEOUT_S,
  MAX_METHOD_PAYLOAD_BYTES,
  MAX_TIMEOUT_S,
  METHOD_NAME,
  MIN_RESPONSE_TIMEOUT_S,
} from '../methods';
import { METHOD_METER_BYTES } from '../throttle';
import { CLIENT_TWINS, clientIdIn, type Route } from './route';
import { readJson, serviceRoute } from './serviceRoute';

const body = z.object({
  methodName: z.string().regex(METHOD_NAME),
  payload: z.unknown().optional(),
  connectTimeoutInSeconds: z.number().int().min(0).max(MAX_TIMEOUT_S).nullish(),
  responseTimeoutInSeconds: z.number().int().min(MIN_RESPONSE_TIMEOUT_S).max(MAX_TIMEOUT_S).nullish(),
});

/**
 * `POST /twins/{id}/methods`, `POST /twins/{id}/modules/{mid}/methods`: calls a method of a connected device or module,
 * and returns its status and payload.
 */
export const methodRoutes = (hub: Hub): Route[] =>
  CLIENT_TWINS.map((path) => methodRoute(hub, [...path, 'methods']));

const methodRoute = (hub: Hub, path: readonly string[]): Route =>
  serviceRoute(
    hub,
    { target: 'methods', method: 'POST', path, permission: 'ServiceConnect' },
    async (request) => {
      const parsed = body.safeParse(readJson(request));
      if (!parsed.success) {
        const field = parsed.error.issues[0]?.path.join('.') ?? '';
        throw new IotHubError('ArgumentInvalid', field === '' ? 'BadRequest' : `${field} is not valid.`);
      }
      const { methodName, payload = null, connectTimeoutInSeconds, responseTimeoutInSeconds } = parsed.data;
      const json = JSON.stringify(payload);
      const bytes = Buffer.byteLength(json);
      if (bytes > MAX_METHOD_PAYLOAD_BYTES) {
        throw new IotHubError('MessageTooLarge', `The payload exceeds ${MAX_METHOD_PAYLOAD_BYTES} bytes.`);
      }
      if (!hub.throttle.allow('methods', Math.max(1, Math.ceil(bytes / METHOD_METER_BYTES)))) {
        throw throttled('DirectMethods');
      }
      const response = await hub.methods.invoke(clientIdIn(request.segments.slice(0, -1)), {
        name: methodName,
        payload: json,
        connectTimeoutMs: (connectTimeoutInSeconds ?? 0) * 1_000,
        responseTimeoutMs: (responseTimeoutInSeconds ?? DEFAULT_RESPONSE_TIMEOUT_S) * 1_000,
      });
      return { status: 200, body: response };
    },
  );
