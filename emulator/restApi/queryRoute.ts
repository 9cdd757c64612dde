/** The route of queries. */

import { z } from 'zod';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { runQuery } from '../query';
import type { Route } from './route';
import { readJson, serviceRoute } from './serviceRoute';

const body = z.object({ query: z.string() });

/** `POST /devices/query` (rest/api/iothub/service/query/get-twins): a page of results, with its continuation token. */
export const queryRoute = (hub: Hub): Route =>
  serviceRoute(
    hub,
    {
      target: 'queries',
      method: 'POST',
      path: ['devices', 'query'],
      permission: 'ServiceConnect',
      operation: 'queries',
    },
    (request) => {
      const parsed = body.safeParse(readJson(request));
      if (!parsed.success)
        throw new IotHubError('ArgumentInvalid', 'The body must be {"query": "SELECT …"}.');
      const size = header(request.headers['x-ms-max-item-count']);
      const { items, type, continuation } = runQuery(hub, parsed.data.query, {
        size: size === undefined ? undefined : Number(size),
        continuation: header(request.headers['x-ms-continuation']),
      });
      return {
        status: 200,
        body: items,
        headers: {
          'x-ms-item-type': type,
          ...(continuation === undefined ? {} : { 'x-ms-continuation': continuation }),
        },
      };
    },
  );

/** Some SDKs send an empty header instead of omitting it. */
const header = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
