/** What devices request, over each protocol. */

import { z } from 'zod';
import { parseJson } from '../parseJson';
import { attest, type Attestation, type AttestationInput } from './attestation';
import type { Enrollments } from './enrollments';
import { MAX_MESSAGE_BYTES } from './limits';
import { notEmulated, ProvisioningError } from './provisioningError';
import { registrationResultJson, type Registrations } from './registrations';

/** Throws ProvisioningError; with a data folder, also IotHubError ServiceUnavailable. */
export interface DeviceOperations {
  /** Checks the token of a device, before its requests. */
  authenticate(input: AttestationInput): void;
  /** Starts the assignment, whose result the device requests by the `operationId`. */
  register(input: AttestationInput, body: Buffer): { readonly operationId: string; readonly status: string };
  /** The result of an operation. */
  operationStatus(input: AttestationInput, operationId: string): object;
  /** The state of the device's registration. */
  registrationState(input: AttestationInput): object;
}

/** rest/api/iot-dps, DeviceRegistration. */
const requestBody = z.object({
  registrationId: z.string().nullish(),
  payload: z.unknown().optional(),
  tpm: z.unknown().optional(),
  csr: z.unknown().optional(),
});

export function createDeviceOperations(parts: {
  readonly idScope: string;
  readonly individual: Enrollments;
  readonly groups: Enrollments;
  readonly registrations: Registrations;
}): DeviceOperations {
  const { idScope, individual, groups, registrations } = parts;
  const check = (input: AttestationInput): Attestation => {
    if (input.idScope.toLowerCase() !== idScope.toLowerCase()) {
      throw new ProvisioningError('NotFound', 'There is no service with this id scope.');
    }
    return attest(input, individual, groups);
  };
  return {
    authenticate: check,
    register(input, body) {
      const attestation = check(input);
      assertRequest(input, body);
      const { operationId } = registrations.register(attestation);
      return { operationId, status: 'assigning' };
    },
    operationStatus(input, operationId) {
      check(input);
      const registration = registrations.find(input.registrationId);
      if (registration?.operationId !== operationId) {
        throw new ProvisioningError('NotFound', 'Operation not found');
      }
      return {
        operationId,
        status: registration.status,
        registrationState: registrationResultJson(registration),
      };
    },
    registrationState(input) {
      check(input);
      return registrationResultJson(registrations.get(input.registrationId));
    },
  };
}

/** @throws ProvisioningError, IotHubError IotHubFormatError */
function assertRequest({ registrationId }: AttestationInput, bytes: Buffer): void {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new ProvisioningError('TooLarge', `The request exceeds ${MAX_MESSAGE_BYTES} bytes.`);
  }
  if (bytes.length === 0) return;
  const parsed = requestBody.safeParse(parseJson(bytes, 'The body'));
  if (!parsed.success) throw new ProvisioningError('BadRequest', 'The body is not a device registration.');
  const { registrationId: named, tpm, csr } = parsed.data;
  if (tpm !== undefined) throw notEmulated('attestation of the type tpm');
  if (csr !== undefined) throw notEmulated('certificates of devices (csr)');
  if (named && named.toLowerCase() !== registrationId.toLowerCase()) {
    throw new ProvisioningError(
      'BadRequest',
      'The registration id in the body differs from that of the device.',
    );
  }
}
