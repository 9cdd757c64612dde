/** The service's REST API: enrollments, enrollment groups and registration states (rest/api/iot-dps/service). */

import { z } from 'zod';
import type { HubResponse } from '../httpsServer';
import { IotHubError } from '../iotHubError';
import { parseJson } from '../parseJson';
import { attestationJson, enrollmentJson, idIn, type Enrollment } from './enrollment';
import type { Enrollments } from './enrollments';
import { MAX_BULK_ENROLLMENTS } from './limits';
import { page, type PageRequest } from './page';
import { ProvisioningError } from './provisioningError';
import { registrationJson, type Registrations } from './registrations';

export interface ServiceRequest {
  readonly method: string;
  /** Decoded: `['enrollments', 'my-device']`. */
  readonly segments: readonly string[];
  readonly body: Buffer;
  readonly ifMatch: string | undefined;
  readonly page: PageRequest;
}

/** Names of the collections, whose path has another case in each SDK. */
export const COLLECTIONS = ['enrollments', 'enrollmentgroups', 'registrations'];

const bulkBody = z.object({
  mode: z.enum(['create', 'update', 'updateIfMatchETag', 'delete']),
  enrollments: z.array(z.unknown()).optional(),
  enrollmentGroups: z.array(z.unknown()).optional(),
});

export interface ServiceParts {
  readonly individual: Enrollments;
  readonly groups: Enrollments;
  readonly registrations: Registrations;
}

/** @throws ProvisioningError; with a data folder, also IotHubError ServiceUnavailable */
export function respondToService(parts: ServiceParts, request: ServiceRequest): HubResponse {
  const [collection = '', ...rest] = request.segments;
  switch (collection.toLowerCase()) {
    case 'enrollments':
      return enrollmentRequest(parts.individual, parts, rest, request);
    case 'enrollmentgroups':
      return enrollmentRequest(parts.groups, parts, rest, request);
    default:
      return registrationRequest(parts, rest, request);
  }
}

function enrollmentRequest(
  enrollments: Enrollments,
  { registrations }: ServiceParts,
  rest: readonly string[],
  { method, body, ifMatch, page: pageRequest }: ServiceRequest,
): HubResponse {
  const [id, action, ...more] = rest;
  const json = (enrollment: Enrollment) => {
    const registration = enrollment.kind === 'enrollment' ? registrations.find(enrollment.id) : undefined;
    return {
      ...enrollmentJson(enrollment),
      ...(registration && { registrationState: registrationJson(registration) }),
    };
  };
  if (more.length > 0) throw notFound();
  if (id === undefined) {
    if (method !== 'POST') throw notAllowed(method);
    return { status: 200, body: bulk(enrollments, parseJson(body, 'The body')) };
  }
  if (action !== undefined) {
    if (action.toLowerCase() !== 'attestationmechanism') throw notFound();
    if (method !== 'POST') throw notAllowed(method);
    return { status: 200, body: attestationJson(enrollments.get(id)) };
  }
  if (method === 'POST' && id.toLowerCase() === 'query') {
    return page(enrollments.all(), { ...pageRequest, body, itemType: enrollments.kind, json });
  }
  switch (method) {
    case 'GET': {
      const enrollment = enrollments.get(id);
      return { status: 200, body: json(enrollment), etag: enrollment.etag };
    }
    case 'PUT': {
      const enrollment = enrollments.put(id, parseJson(body, 'The body'), ifMatch);
      return { status: 200, body: enrollmentJson(enrollment, true), etag: enrollment.etag };
    }
    case 'DELETE':
      enrollments.remove(id, ifMatch ?? '*');
      return { status: 204 };
    default:
      throw notAllowed(method);
  }
}

function registrationRequest(
  { registrations, groups }: ServiceParts,
  [id, action, ...more]: readonly string[],
  { method, body, ifMatch, page: pageRequest }: ServiceRequest,
): HubResponse {
  if (id === undefined || more.length > 0) throw notFound();
  if (action !== undefined) {
    if (action.toLowerCase() !== 'query') throw notFound();
    if (method !== 'POST') throw notAllowed(method);
    const ofGroup = registrations.ofGroup(groups.get(id).id);
    return page(ofGroup, { ...pageRequest, body, itemType: 'deviceRegistration', json: registrationJson });
  }
  switch (method) {
    case 'GET': {
      const registration = registrations.get(id);
      return { status: 200, body: registrationJson(registration), etag: registration.etag };
    }
    case 'DELETE':
      registrations.remove(id, ifMatch ?? '*');
      return { status: 204 };
    default:
      throw notAllowed(method);
  }
}

/** Each item succeeds or fails separately. */
function bulk(enrollments: Enrollments, body: unknown) {
  const parsed = bulkBody.safeParse(body);
  const items = parsed.data?.[enrollments.kind === 'enrollment' ? 'enrollments' : 'enrollmentGroups'];
  if (!parsed.success || items === undefined) {
    throw new ProvisioningError('BadRequest', 'The body is not a bulk operation.');
  }
  if (items.length > MAX_BULK_ENROLLMENTS) {
    throw new ProvisioningError(
      'BadRequest',
      `A bulk operation has at most ${MAX_BULK_ENROLLMENTS} enrollments.`,
    );
  }
  const { mode } = parsed.data;
  const errors: object[] = [];
  for (const item of items) {
    const id = idIn(enrollments.kind, item) ?? '';
    const { etag } = (item ?? {}) as { readonly etag?: unknown };
    const ifMatch = typeof etag === 'string' ? etag : ''; // no enrollment has an empty ETag
    try {
      if (mode === 'delete') enrollments.remove(id, etag == null ? '*' : ifMatch);
      else if (mode === 'create') enrollments.put(id, item, undefined);
      else enrollments.put(id, item, mode === 'update' ? '*' : ifMatch);
    } catch (error) {
      if (!(error instanceof ProvisioningError) && !(error instanceof IotHubError)) throw error;
      const name = enrollments.kind === 'enrollment' ? 'registrationId' : 'enrollmentGroupId';
      errors.push({ [name]: id, errorCode: error.number, errorStatus: error.message });
    }
  }
  return { isSuccessful: errors.length === 0, errors };
}

const notFound = () => new ProvisioningError('NotFound', 'The service has no operation at this path.');
const notAllowed = (method: string) =>
  new ProvisioningError('MethodNotAllowed', `The method ${method} is not allowed here.`);
