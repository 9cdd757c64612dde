/** Checks the token of a device against the symmetric keys of its enrollment. */

import { createHmac } from 'node:crypto';
import { isSignedBy, tokenFor } from '../sas';
import { ENROLLMENT_ID, type Enrollment } from './enrollment';
import type { Enrollments } from './enrollments';
import { notEmulated, ProvisioningError, unauthorized } from './provisioningError';

/** A device that has proven its identity. */
export interface Attestation {
  readonly registrationId: string;
  readonly enrollment: Enrollment;
  /** The keys of the device, base64. */
  readonly keys: Enrollment['keys'];
}

export interface AttestationInput {
  readonly idScope: string;
  readonly registrationId: string;
  readonly token: string | undefined;
  /** Whether the device has authenticated its TLS connection with a certificate. */
  readonly hasCertificate: boolean;
}

/**
 * Finds the enrollment whose key signed the token. An individual enrollment overrides groups (iot-dps,
 * concepts-service). The audience of the token is `<id scope>/registrations/<registration id>`.
 *
 * @throws ProvisioningError Unauthorized, BadRequest; NotImplemented for a certificate
 */
export function attest(
  { idScope, registrationId, token: text, hasCertificate }: AttestationInput,
  individual: Enrollments,
  groups: Enrollments,
): Attestation {
  if (text === undefined) throw withoutToken(hasCertificate);
  const token = tokenFor(text, `${idScope}/registrations/${registrationId}`, Date.now() / 1_000);
  if (!token) throw unauthorized();
  if (!ENROLLMENT_ID.test(registrationId)) {
    throw new ProvisioningError('BadRequest', 'The registration id is not valid.');
  }
  const own = individual.find(registrationId);
  for (const enrollment of own ? [own] : groups.all()) {
    const keys = own ? enrollment.keys : derivedKeys(enrollment, registrationId);
    const isSigned = [keys.primaryKey, keys.secondaryKey].some((key) =>
      isSignedBy(token, Buffer.from(key, 'base64')),
    );
    if (isSigned) return { registrationId, enrollment, keys };
  }
  throw unauthorized();
}

export const withoutToken = (hasCertificate: boolean): ProvisioningError =>
  hasCertificate ? notEmulated('attestation of the type x509') : unauthorized();

/** A device of a group has keys of its own (iot-dps, concepts-symmetric-key-attestation, "Group enrollments"). */
const derivedKeys = ({ keys }: Enrollment, registrationId: string): Enrollment['keys'] => ({
  primaryKey: derivedKey(keys.primaryKey, registrationId),
  secondaryKey: derivedKey(keys.secondaryKey, registrationId),
});

const derivedKey = (key: string, registrationId: string): string =>
  createHmac('sha256', Buffer.from(key, 'base64')).update(registrationId).digest('base64');
