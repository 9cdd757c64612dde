/** The registrations of devices, and the operations that assign them. */

import { randomBytes, randomUUID } from 'node:crypto';
import type { Journal } from '../dataFolder';
import type { Hub } from '../hub';
import { assignDevice, type Assignment, type Substatus } from './assignDevice';
import type { Attestation } from './attestation';
import { newEtag, type Enrollment, type EnrollmentKind } from './enrollment';
import { assertMatch } from './enrollments';
import { MAX_REGISTRATIONS } from './limits';
import { ProvisioningError } from './provisioningError';

/** A registration as it is kept. */
export interface Registration {
  readonly registrationId: string;
  readonly enrollment: { readonly kind: EnrollmentKind; readonly id: string };
  /** The latest operation. */
  readonly operationId: string;
  readonly status: 'assigned' | 'disabled';
  readonly substatus?: Substatus | undefined;
  /** Kept while the enrollment is disabled. */
  readonly assignment?: Assignment | undefined;
  readonly createdDateTimeUtc: string;
  readonly lastUpdatedDateTimeUtc: string;
  readonly etag: string;
  readonly sequence: number;
}

export interface Registrations {
  find(registrationId: string): Registration | undefined;
  /** @throws ProvisioningError NotFound */
  get(registrationId: string): Registration;
  /** Assigns the device. @throws ProvisioningError QuotaExceeded; IotHubError if the change cannot be stored */
  register(attestation: Attestation): Registration;
  /** The device stays in its hub. @throws ProvisioningError NotFound, PreconditionFailed */
  remove(registrationId: string, ifMatch: string): void;
  /** If the disk fails, a part is removed. @throws IotHubError ServiceUnavailable */
  removeOf(enrollment: Enrollment): void;
  ofGroup(enrollmentGroupId: string): Iterable<Registration>;
}

/** Registrations that one write removes: a group may have a million. */
const REMOVAL_CHUNK = 1_000;

const KIND = 'registration';
const keyOf = (registrationId: string) => `${KIND}/${registrationId.toLowerCase()}`;

export function createRegistrations(hubs: readonly Hub[], journal: Journal): Registrations {
  const kept = [...journal.read(KIND).values()] as Registration[];
  const all = new Map<string, Registration>(
    kept.sort((a, b) => a.sequence - b.sequence).map((one) => [keyOf(one.registrationId), one]),
  );
  let lastSequence = kept.at(-1)?.sequence ?? 0;

  const find = (registrationId: string) => all.get(keyOf(registrationId));
  const get = (registrationId: string): Registration => {
    const registration = find(registrationId);
    if (!registration) throw new ProvisioningError('NotFound', 'Registration not found');
    return registration;
  };
  return {
    find,
    get,
    register(attestation) {
      const { registrationId, enrollment } = attestation;
      const previous = find(registrationId);
      if (!previous && all.size >= MAX_REGISTRATIONS) {
        throw new ProvisioningError('QuotaExceeded', `There are ${MAX_REGISTRATIONS} registrations already.`);
      }
      const assigned = enrollment.isEnabled
        ? assignDevice(hubs, attestation, previous?.assignment)
        : { assignment: previous?.assignment, substatus: undefined };
      const now = new Date().toISOString();
      const registration: Registration = {
        registrationId: previous?.registrationId ?? registrationId,
        enrollment: { kind: enrollment.kind, id: enrollment.id },
        operationId: newOperationId(),
        status: enrollment.isEnabled ? 'assigned' : 'disabled',
        ...assigned,
        createdDateTimeUtc: previous?.createdDateTimeUtc ?? now,
        lastUpdatedDateTimeUtc: now,
        etag: newEtag(),
        sequence: previous?.sequence ?? lastSequence + 1,
      };
      journal.write([keyOf(registrationId), registration]);
      all.set(keyOf(registrationId), registration);
      lastSequence = Math.max(lastSequence, registration.sequence);
      return registration;
    },
    remove(registrationId, ifMatch) {
      assertMatch(get(registrationId).etag, ifMatch);
      journal.write([keyOf(registrationId)]);
      all.delete(keyOf(registrationId));
    },
    removeOf({ kind, id }) {
      const own = kind === 'enrollment' ? [find(id)] : all.values();
      const keys: string[] = [];
      for (const registration of own) {
        if (registration?.enrollment.kind !== kind || registration.enrollment.id !== id) continue;
        keys.push(keyOf(registration.registrationId));
      }
      for (let start = 0; start < keys.length; start += REMOVAL_CHUNK) {
        const chunk = keys.slice(start, start + REMOVAL_CHUNK);
        journal.write(...chunk.map((key) => [key] as const));
        for (const key of chunk) all.delete(key);
      }
    },
    *ofGroup(enrollmentGroupId) {
      for (const registration of all.values()) {
        const { kind, id } = registration.enrollment;
        if (kind === 'enrollmentGroup' && id === enrollmentGroupId) yield registration;
      }
    },
  };
}

/** As services see it. A disabled device gets no hub. */
export function registrationJson(registration: Registration): Readonly<Record<string, unknown>> {
  const { registrationId, createdDateTimeUtc, status, substatus, assignment } = registration;
  return {
    registrationId,
    createdDateTimeUtc,
    ...(status === 'assigned' && assignment
      ? { assignedHub: assignment.hub, deviceId: assignment.deviceId }
      : {}),
    status,
    ...(substatus === undefined ? {} : { substatus }),
    lastUpdatedDateTimeUtc: registration.lastUpdatedDateTimeUtc,
    etag: registration.etag,
  };
}

/** The registration in the form that the device receives. */
export const registrationResultJson = (registration: Registration) => ({
  symmetricKey:
    registration.enrollment.kind === 'enrollmentGroup'
      ? { enrollmentGroupId: registration.enrollment.id }
      : {},
  ...registrationJson(registration),
});

/** As the service's: a digit, 16 hexadecimal digits, and a UUID. */
const newOperationId = (): string => `4.${randomBytes(8).toString('hex')}.${randomUUID()}`;
