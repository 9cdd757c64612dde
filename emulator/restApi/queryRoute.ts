/** `POST /devices/query` (rest/api/iothub/service/query). */
import { z } from 'zod';
import { isAccessToken } from '../entraId';
import type { Hub } from '../hub';
import { IotHubError, throttled, unauthorized } from '../iotHubError';
import { queryDevices } from '../registry';
import { isPolicyToken } from '../sas';
import type { Route } from './route';

const MAX_BODY_BYTES = 64 * 1024;
/** Twins per page (iot-hub-devguide-query-language does not say how many; the SDKs ask for 100 to 1,000). */
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const CONTINUATION = /^\d{18,20}$/;

export function queryRoute(hub: Hub): Route {
  return {
    target: 'registry',
    method: 'POST',
    path: ['devices', 'query'],
    maxBodyBytes: MAX_BODY_BYTES,
    handle(request) {
      const context = hub.sasContext(request.clockSkewSeconds);
      const { authorization, 'x-ms-continuation': token, 'x-ms-max-item-count': count } = request.headers;
      const isAllowed =
        isPolicyToken(authorization, request.resource, 'ServiceConnect', context) ||
        isAccessToken(authorization, context.nowSeconds);
      if (!isAllowed) throw unauthorized();
      if (!hub.throttle.allowQuery()) throw throttled('QueryDevices');
      const pageSize = count === undefined ? DEFAULT_PAGE : Number(count);
      if (!Number.isInteger(pageSize) || pageSize < 1)
        throw new IotHubError('ArgumentInvalid', 'x-ms-max-item-count is not a positive number.');
      const continuation = token === undefined ? undefined : decode(String(token));
      const { twins, continuation: next } = queryDevices(
        hub.registry,
        readQuery(request.body),
        Math.min(pageSize, MAX_PAGE),
        continuation,
      );
      return {
        status: 200,
        body: twins,
        headers: {
          'x-ms-item-type': 'Twin',
          ...(next === undefined ? {} : { 'x-ms-continuation': Buffer.from(next).toString('base64') }),
        },
      };
    },
  };
}

function decode(token: string): string {
  const continuation = Buffer.from(token, 'base64').toString();
  if (!CONTINUATION.test(continuation))
    throw new IotHubError('ArgumentInvalid', 'The continuation token is not valid.');
  return continuation;
}

function readQuery(body: Buffer): string {
  try {
    return z.object({ query: z.string() }).parse(JSON.parse(body.toString('utf8'))).query;
  } catch {
    throw new IotHubError('ArgumentInvalid', 'The body is not {"query": "…"}.');
  }
}
