/** Handles the HTTPS requests of devices and services to the Device Provisioning Service. */

import type { IncomingMessage } from 'node:http';
import { readBody, type HubResponse } from '../httpsServer';
import { parseUrl } from '../parseUrl';
import { isSignedBy, tokenFor } from '../sas';
import { clientCertificate, hostNameOf } from '../transport';
import { DEVICE_RESOURCE, type PROVISIONING } from '../wellKnown';
import type { DeviceOperations } from './deviceOperations';
import { MAX_BULK_BYTES, MAX_MESSAGE_BYTES, RETRY_AFTER_SECONDS } from './limits';
import { errorResponse, ProvisioningError, unauthorized } from './provisioningError';
import { COLLECTIONS, respondToService, type ServiceParts } from './serviceRequest';

/** `2019-03-31`, `2025-07-01-preview`. */
const API_VERSION = /^20\d\d-\d\d-\d\d(?:-preview)?$/;

const isDevicePath = (url: string): boolean => DEVICE_RESOURCE.test(url.slice(1));

/** Whether the path is one of the Device Provisioning Service. An IoT hub has none of them. */
export function isProvisioningPath(url: string): boolean {
  const [collection = ''] = url.slice(1).split(/[/?]/, 1);
  return isDevicePath(url) || COLLECTIONS.includes(collection.toLowerCase());
}

export function createHttpHandler(
  identity: typeof PROVISIONING,
  device: DeviceOperations,
  service: ServiceParts,
): (request: IncomingMessage) => Promise<HubResponse> {
  const respond = async (incoming: IncomingMessage): Promise<HubResponse> => {
    const { method = '', headers, url = '/' } = incoming;
    const { segments, query } = parseUrl(url, (message) => new ProvisioningError('BadRequest', message));
    const isBulk = method === 'POST' && segments.length === 1;
    const maxBytes = isBulk ? MAX_BULK_BYTES : MAX_MESSAGE_BYTES;
    const body = await readBody(incoming, maxBytes);
    if (!API_VERSION.test(query.get('api-version') ?? '')) {
      throw new ProvisioningError('BadRequest', 'The api-version is missing or unknown.');
    }
    if (body === 'too large') {
      throw new ProvisioningError('TooLarge', `The request body exceeds ${maxBytes} bytes.`);
    }
    const { authorization } = headers;
    if (isDevicePath(url)) {
      const hasCertificate = clientCertificate(incoming.socket) !== undefined;
      return respondToDevice(device, { method, segments, body, authorization, hasCertificate });
    }
    const host = hostNameOf(headers.host);
    if (host === identity.globalHostName || !COLLECTIONS.includes(segments[0]?.toLowerCase() ?? '')) {
      throw new ProvisioningError('NotFound', 'The service has no operation at this path.');
    }
    const token = tokenFor(authorization, `${identity.hostName}/${segments.join('/')}`, Date.now() / 1_000);
    const isSigned =
      token?.keyName === identity.policy && isSignedBy(token, Buffer.from(identity.key, 'base64'));
    if (!isSigned) throw unauthorized();
    return respondToService(service, {
      method,
      segments,
      body,
      ifMatch: headers['if-match'],
      page: {
        size: header(headers['x-ms-max-item-count']),
        continuation: header(headers['x-ms-continuation']),
      },
    });
  };
  return (incoming) => respond(incoming).catch(errorResponse);
}

function respondToDevice(
  device: DeviceOperations,
  request: {
    readonly method: string;
    readonly segments: readonly string[];
    readonly body: Buffer;
    readonly authorization: string | undefined;
    readonly hasCertificate: boolean;
  },
): HubResponse {
  const { method, body, authorization: token, hasCertificate } = request;
  const [idScope = '', , registrationId = '', action, operationId = '', ...more] = request.segments;
  const input = { idScope, registrationId, token, hasCertificate };
  const operation = `${method} ${action ?? ''}`;
  if (more.length === 0) {
    switch (operation) {
      case 'PUT register': {
        if (operationId !== '') break;
        const started = device.register(input, body);
        return { status: 202, body: started, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } };
      }
      case 'GET operations':
        return { status: 200, body: device.operationStatus(input, operationId) };
      case 'POST ':
        return { status: 200, body: device.registrationState(input) };
    }
  }
  throw new ProvisioningError('MethodNotAllowed', 'The service has no such operation for devices.');
}

const header = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;
