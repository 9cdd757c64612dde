/** Individual enrollments and enrollment groups: their JSON in the service's REST API, and their checks. */

import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { assertDeviceId, assertKey } from '../registry';
import { report } from '../report';
import { MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES, twinDocument, type JsonObject } from '../twins';
import { notEmulated, ProvisioningError } from './provisioningError';

/** rest/api/iot-dps: up to 128 letters, digits and `-`, `.`, `_`, `:`, without case. */
export const ENROLLMENT_ID = /^[a-z0-9](?:[a-z0-9:._-]{0,126}[a-z0-9-])?$/i;
const GENERATED_KEY_BYTES = 64;

/** A string that one of the rules of the hub's registry accepts. */
const checkedText = (assert: (value: string) => void) =>
  z.string().superRefine((value, context) => report(context, () => assert(value)));
const key = checkedText(assertKey)
  .nullish()
  .or(z.literal('').transform(() => undefined));

const common = {
  attestation: z.object({
    type: z.enum(['symmetricKey', 'x509', 'tpm', 'none']),
    symmetricKey: z.object({ primaryKey: key, secondaryKey: key }).nullish(),
  }),
  capabilities: z.object({ iotEdge: z.boolean().default(false) }).nullish(),
  iotHubHostName: z.string().nullish(),
  iotHubs: z.array(z.string()).nullish(),
  initialTwin: z
    .object({
      tags: twinDocument('tags', MAX_TAGS_BYTES).nullish(),
      properties: z
        .object({ desired: twinDocument('properties.desired', MAX_PROPERTIES_BYTES).nullish() })
        .nullish(),
    })
    .nullish(),
  provisioningStatus: z.enum(['enabled', 'disabled']).nullish(),
  reprovisionPolicy: z
    .object({ updateHubAssignment: z.boolean().default(true), migrateDeviceData: z.boolean().default(true) })
    .nullish(),
  allocationPolicy: z.enum(['hashed', 'geoLatency', 'static', 'custom']).nullish(),
};

const id = z.string().regex(ENROLLMENT_ID, 'must be 1 to 128 letters, digits, - . _ and :, not at its ends');
const deviceId = checkedText(assertDeviceId);

export const individualEnrollment = z.object({
  registrationId: id,
  deviceId: deviceId.nullish().or(z.literal('').transform(() => undefined)),
  ...common,
});
export const enrollmentGroup = z.object({ enrollmentGroupId: id, ...common });

export type EnrollmentInput = z.input<typeof individualEnrollment>;
export type EnrollmentGroupInput = z.input<typeof enrollmentGroup>;

export type EnrollmentKind = 'enrollment' | 'enrollmentGroup';

/** A stored enrollment. */
export interface Enrollment {
  readonly kind: EnrollmentKind;
  /** The registration id, or the id of the group. */
  readonly id: string;
  /** Only of individual enrollments. */
  readonly deviceId?: string | undefined;
  readonly keys: { readonly primaryKey: string; readonly secondaryKey: string };
  readonly iotEdge: boolean;
  /** Host names, in lower case. Empty: each hub. */
  readonly hubs: readonly string[];
  readonly allocationPolicy: 'hashed' | 'geoLatency' | 'static';
  readonly isEnabled: boolean;
  readonly updateHubAssignment: boolean;
  readonly migrateDeviceData: boolean;
  readonly tags?: JsonObject | undefined;
  readonly desired?: JsonObject | undefined;
  readonly etag: string;
  readonly createdDateTimeUtc: string;
  readonly lastUpdatedDateTimeUtc: string;
  /** Increases with each new enrollment: the order of queries. */
  readonly sequence: number;
}

/**
 * A new enrollment, or a new version of `previous`. Keys that are absent are kept, or created.
 *
 * @param linkedHubs host names of the hubs to which devices can be assigned
 * @throws ProvisioningError BadRequest that names the field; NotImplemented that names the feature
 */
export function makeEnrollment(
  kind: EnrollmentKind,
  body: unknown,
  linkedHubs: readonly string[],
  { previous, sequence }: { readonly previous: Enrollment | undefined; readonly sequence: number },
): Enrollment {
  const parsed = parse(kind, body);
  const { attestation, allocationPolicy, iotHubHostName, capabilities, initialTwin } = parsed;
  if (attestation.type !== 'symmetricKey') throw notEmulated(`attestation of the type ${attestation.type}`);
  if (allocationPolicy === 'custom') throw notEmulated('custom allocation');
  const hubs = [...(parsed.iotHubs ?? []), ...(iotHubHostName ? [iotHubHostName] : [])].map((name) =>
    name.toLowerCase(),
  );
  if (!hubs.every((name) => linkedHubs.includes(name))) {
    throw new ProvisioningError('BadRequest', `iotHubs may only name ${linkedHubs.join(', ')}.`);
  }
  const policy = allocationPolicy ?? (iotHubHostName ? 'static' : 'hashed');
  if (policy === 'static' && new Set(hubs).size !== 1 && linkedHubs.length > 1) {
    throw new ProvisioningError(
      'BadRequest',
      'With the static allocation policy, iotHubs must name one hub.',
    );
  }
  const now = new Date().toISOString();
  const keys = attestation.symmetricKey;
  return {
    kind,
    id: previous?.id ?? parsed.id,
    deviceId: parsed.deviceId ?? undefined,
    keys: {
      primaryKey: keys?.primaryKey ?? previous?.keys.primaryKey ?? newKey(),
      secondaryKey: keys?.secondaryKey ?? previous?.keys.secondaryKey ?? newKey(),
    },
    iotEdge: capabilities?.iotEdge ?? false,
    hubs: [...new Set(hubs)],
    allocationPolicy: policy,
    isEnabled: (parsed.provisioningStatus ?? 'enabled') === 'enabled',
    updateHubAssignment: parsed.reprovisionPolicy?.updateHubAssignment ?? true,
    migrateDeviceData: parsed.reprovisionPolicy?.migrateDeviceData ?? true,
    tags: initialTwin?.tags ?? undefined,
    desired: initialTwin?.properties?.desired ?? undefined,
    etag: newEtag(),
    createdDateTimeUtc: previous?.createdDateTimeUtc ?? now,
    lastUpdatedDateTimeUtc: now,
    sequence,
  };
}

function parse(kind: EnrollmentKind, body: unknown) {
  if (kind === 'enrollment') {
    const { registrationId, ...rest } = checked(individualEnrollment.safeParse(body));
    return { id: registrationId, ...rest };
  }
  const { enrollmentGroupId, ...rest } = checked(enrollmentGroup.safeParse(body));
  return { id: enrollmentGroupId, deviceId: undefined, ...rest };
}

function checked<Output>(result: z.ZodSafeParseResult<Output>): Output {
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new ProvisioningError(
    'BadRequest',
    field === '' ? 'The body is not valid.' : `${field} is not valid.`,
  );
}

/** The id in the body of an enrollment; undefined if it has none. */
export function idIn(kind: EnrollmentKind, body: unknown): string | undefined {
  const name = kind === 'enrollment' ? 'registrationId' : 'enrollmentGroupId';
  const value = (body as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** With its keys, as services get it with the attestation mechanism. */
export const attestationJson = ({ keys }: Enrollment) => ({ type: 'symmetricKey', symmetricKey: keys });

/**
 * As the service returns it. The response to a change has the keys. Later responses have none
 * (azure-iot-sdk-csharp#1183).
 */
export function enrollmentJson(enrollment: Enrollment, withKeys = false): Readonly<Record<string, unknown>> {
  const { kind, tags, desired, hubs } = enrollment;
  return {
    ...(kind === 'enrollment' ? { registrationId: enrollment.id } : { enrollmentGroupId: enrollment.id }),
    ...(enrollment.deviceId === undefined ? {} : { deviceId: enrollment.deviceId }),
    attestation: withKeys ? attestationJson(enrollment) : { type: 'symmetricKey' },
    capabilities: { iotEdge: enrollment.iotEdge },
    ...((tags ?? desired)
      ? { initialTwin: { ...(tags && { tags }), properties: { ...(desired && { desired }) } } }
      : {}),
    etag: enrollment.etag,
    provisioningStatus: enrollment.isEnabled ? 'enabled' : 'disabled',
    reprovisionPolicy: {
      updateHubAssignment: enrollment.updateHubAssignment,
      migrateDeviceData: enrollment.migrateDeviceData,
    },
    createdDateTimeUtc: enrollment.createdDateTimeUtc,
    lastUpdatedDateTimeUtc: enrollment.lastUpdatedDateTimeUtc,
    allocationPolicy: enrollment.allocationPolicy,
    ...(hubs.length === 0 ? {} : { iotHubs: hubs }),
  };
}

const newKey = (): string => randomBytes(GENERATED_KEY_BYTES).toString('base64');

/** The form of the service's ETags: base64 of a quoted UUID. */
export const newEtag = (): string => Buffer.from(`"${randomUUID()}"`).toString('base64');
