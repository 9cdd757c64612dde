import { isAccessToken } from '../entraId';
import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import { throttled, unauthorized } from '../iotHubError';
import { parseJson } from '../parseJson';
import { isPolicyToken } from '../sas';
import type { ThrottledOperation } from '../throttle';
import type { Permission } from '../wellKnown';
import type { HubRequest, Route } from './route';

/** Much larger than a bulk request of 100 identities. The hub's limit is not published. */
const MAX_BODY_BYTES = 1024 * 1024;

export interface ServiceOperation extends Pick<Route, 'target' | 'method' | 'path'> {
  readonly permission: Permission;
  /** The throttle that is checked. If absent, the handler checks the throttle itself. */
  readonly operation?: ThrottledOperation;
}

/** The names of operations in the error of a throttled request. */
const OPERATION_TYPES: Partial<Record<ThrottledOperation, string>> = {
  registry: 'IdentityOperations',
  twinReads: 'TwinReads',
  twinUpdates: 'TwinUpdates',
  queries: 'Queries',
};

/** An operation for services: it checks the token of a policy or of the managed identity, and the throttle. */
export function serviceRoute(
  hub: Hub,
  { target, method, path, permission, operation }: ServiceOperation,
  handle: (request: HubRequest) => HubResponse | Promise<HubResponse>,
): Route {
  return {
    target,
    method,
    path,
    maxBodyBytes: MAX_BODY_BYTES,
    handle(request) {
      const context = hub.sasContext(request.clockSkewSeconds);
      const { authorization } = request.headers;
      const isAllowed =
        isPolicyToken(authorization, request.resource, permission, context) ||
        isAccessToken(authorization, context.nowSeconds);
      if (!isAllowed) throw unauthorized();
      if (operation && !hub.throttle.allow(operation)) {
        throw throttled(OPERATION_TYPES[operation] ?? operation);
      }
      return handle(request);
    },
  };
}

/** @throws IotHubError IotHubFormatError */
export const readJson = (request: HubRequest): unknown => parseJson(request.body, 'The body');
