import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { IotHubError } from '../iotHubError';

/** Ids of devices and modules: 1 to 128 of these characters, case-sensitive (iot-hub-devguide-identity-registry). */
export const ID = /^[A-Za-z0-9\-.%_*?!(),:=@$']{1,128}$/;
/** Symmetric keys are base64 of 16 to 64 bytes (iot-hub-devguide-identity-registry, "symkey"). */
const KEY_MIN_BYTES = 16;
const KEY_MAX_BYTES = 64;
const GENERATED_KEY_BYTES = 32;
export const STATUS_REASON_MAX_CHARS = 128;
/** The time that the hub reports for an event that never occurred. */
export const NEVER = '0001-01-01T00:00:00Z';

const key = z.string().nullish();
/** SHA-1 or SHA-256, in hexadecimal; tools print it with or without colons (iot-hub-devguide-identity-registry). */
export const thumbprintInput = z
  .string()
  .transform(normalizeThumbprint)
  .pipe(z.string().regex(/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/, 'must be 40 or 64 hexadecimal digits'));
const thumbprint = thumbprintInput.nullish();
/** The scope of a device that belongs to an edge device (iot-edge/how-to-connect-downstream-device). */
const EDGE_SCOPE_PREFIX = 'ms-azure-iot-edge://';
const MAX_PARENT_SCOPES = 1;

export const authenticationInput = z
  .object({
    type: z.enum(['sas', 'selfSigned', 'certificateAuthority', 'none']).nullish(),
    symmetricKey: z.object({ primaryKey: key, secondaryKey: key }).nullish(),
    x509Thumbprint: z.object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint }).nullish(),
  })
  .nullish();

/** What a client may send as a device identity; read-only fields are ignored, as the hub does. */
export const deviceInput = z.object({
  deviceId: z.string().optional(),
  status: z.enum(['enabled', 'disabled']).nullish(),
  statusReason: z.string().max(STATUS_REASON_MAX_CHARS).nullish(),
  authentication: authenticationInput,
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
  deviceScope: z.string().nullish(),
  parentScopes: z.array(z.string()).max(MAX_PARENT_SCOPES).nullish(),
});

export type DeviceInput = z.infer<typeof deviceInput>;

interface SymmetricKey {
  readonly primaryKey: string | null;
  readonly secondaryKey: string | null;
}

/** How a device or a module authenticates. */
interface Authentication {
  readonly symmetricKey: SymmetricKey;
  readonly x509Thumbprint: {
    readonly primaryThumbprint: string | null;
    readonly secondaryThumbprint: string | null;
  };
  readonly type: 'sas' | 'selfSigned' | 'certificateAuthority' | 'none';
}

export type ConnectionState = 'Connected' | 'Disconnected';

/** A device identity as the hub's REST API returns it. */
export interface DeviceIdentity {
  readonly deviceId: string;
  readonly generationId: string;
  readonly etag: string;
  /** The connection state over MQTT; HTTPS has no connection state (iot-hub-devguide-identity-registry). */
  readonly connectionState: ConnectionState;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason: string | null;
  readonly connectionStateUpdatedTime: string;
  readonly statusUpdatedTime: string;
  readonly lastActivityTime: string;
  readonly cloudToDeviceMessageCount: number;
  readonly authentication: Authentication;
  readonly capabilities: { readonly iotEdge: boolean };
  /** Set for an edge device, and for a device that belongs to an edge device. */
  readonly deviceScope?: string;
  readonly parentScopes?: readonly string[];
}

/** @throws IotHubError ArgumentInvalid */
export function assertDeviceId(deviceId: string): void {
  if (!ID.test(deviceId)) {
    throw new IotHubError(
      'ArgumentInvalid',
      "Device id must be 1 to 128 of the characters A-Z a-z 0-9 - . % _ * ? ! ( ) , : = @ $ '",
    );
  }
}

/**
 * Creates an identity, or replaces `previous` by `input`. The hub's PUT replaces the identity, but keeps keys that are
 * absent.
 *
 * @throws IotHubError ArgumentInvalid for a malformed key, or if only one key is given
 */
export function makeIdentity(
  deviceId: string,
  input: DeviceInput,
  previous?: DeviceIdentity,
): DeviceIdentity {
  const status = input.status ?? 'enabled';
  const iotEdge = input.capabilities?.iotEdge ?? false;
  const generationId = previous?.generationId ?? newGenerationId();
  const statusChanged = previous !== undefined && previous.status !== status;
  return {
    deviceId,
    generationId,
    etag: newEtag(),
    connectionState: previous?.connectionState ?? 'Disconnected',
    status,
    statusReason: input.statusReason ?? null,
    connectionStateUpdatedTime: previous?.connectionStateUpdatedTime ?? NEVER,
    statusUpdatedTime: statusChanged ? new Date().toISOString() : (previous?.statusUpdatedTime ?? NEVER),
    lastActivityTime: previous?.lastActivityTime ?? NEVER,
    cloudToDeviceMessageCount: previous?.cloudToDeviceMessageCount ?? 0,
    authentication: makeAuthentication(input.authentication, previous?.authentication),
    capabilities: { iotEdge },
    ...scopes(deviceId, generationId, iotEdge, input),
  };
}

/** The id of the edge device that a scope names; another text if it is not a scope. */
export const edgeDeviceIdOf = (scope: string): string =>
  scope.replace(EDGE_SCOPE_PREFIX, '').replace(/-\d+$/, '');

/** An edge device has its own scope, and its parent is another edge device. A leaf device has its parent's scope. */
function scopes(
  deviceId: string,
  generationId: string,
  iotEdge: boolean,
  { deviceScope, parentScopes }: DeviceInput,
): Pick<DeviceIdentity, 'deviceScope' | 'parentScopes'> {
  if (iotEdge) {
    return {
      deviceScope: `${EDGE_SCOPE_PREFIX}${deviceId}-${generationId}`,
      ...(parentScopes ? { parentScopes } : {}),
    };
  }
  const scope = deviceScope ?? parentScopes?.[0];
  return scope === undefined ? {} : { deviceScope: scope, parentScopes: [scope] };
}

/** @throws as makeIdentity() */
export function makeAuthentication(
  input: z.infer<typeof authenticationInput>,
  previous: Authentication | undefined,
): Authentication {
  const type = input?.type ?? 'sas';
  return {
    symmetricKey: type === 'sas' ? symmetricKey(input, previous) : { primaryKey: null, secondaryKey: null },
    x509Thumbprint: {
      primaryThumbprint: input?.x509Thumbprint?.primaryThumbprint ?? null,
      secondaryThumbprint: input?.x509Thumbprint?.secondaryThumbprint ?? null,
    },
    type,
  };
}

function symmetricKey(
  input: z.infer<typeof authenticationInput>,
  previous: Authentication | undefined,
): SymmetricKey {
  const given = input?.symmetricKey;
  const primaryKey = given?.primaryKey ?? '';
  const secondaryKey = given?.secondaryKey ?? '';
  if (primaryKey === '' && secondaryKey === '') {
    const kept = previous?.symmetricKey;
    return {
      primaryKey: kept?.primaryKey ?? newKey(),
      secondaryKey: kept?.secondaryKey ?? newKey(),
    };
  }
  if (primaryKey === '' || secondaryKey === '') {
    throw new IotHubError(
      'ArgumentInvalid',
      'Both the primary and the secondary key must be given, or neither.',
    );
  }
  assertKey(primaryKey);
  assertKey(secondaryKey);
  return { primaryKey, secondaryKey };
}

/** @throws IotHubError ArgumentInvalid */
export function assertKey(value: string): void {
  const bytes = Buffer.from(value, 'base64');
  const isBase64 = bytes.toString('base64') === value;
  if (!isBase64 || bytes.length < KEY_MIN_BYTES || bytes.length > KEY_MAX_BYTES) {
    throw new IotHubError('ArgumentInvalid', 'A symmetric key must be base64 of 16 to 64 bytes.');
  }
}

const newKey = () => randomBytes(GENERATED_KEY_BYTES).toString('base64');

/** The form of the hub's etags: base64 of a decimal number. */
export const newEtag = () => Buffer.from(String(randomBytes(4).readUInt32BE())).toString('base64');

/** Windows' FILETIME: 100 ns units since 1601. */
const FILETIME_AT_UNIX_EPOCH = 116_444_736_000_000_000n;
let latestGeneration = 0n;

/**
 * An increasing, unique number of 18 digits. It distinguishes a device that was deleted and created again from the
 * earlier one.
 */
export function newGenerationId(): string {
  const now = BigInt(Date.now()) * 10_000n + FILETIME_AT_UNIX_EPOCH;
  latestGeneration = now > latestGeneration ? now : latestGeneration + 1n;
  return String(latestGeneration);
}

/** A thumbprint in the form in which it is stored and compared: upper-case hexadecimal digits without separators. */
export function normalizeThumbprint(text: string): string {
  return text.replace(/[\s:]/g, '').toUpperCase();
}
