import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { createVisitors } from '../../src/visitors';

export const PREFIX = 'web-';
export const SECRET = Buffer.alloc(32, 'visitor-secret-1').toString('base64');
const OTHER_SECRET = Buffer.alloc(32, 'visitor-secret-2').toString('base64');
/** Every 32nd visitor is blocked. */
export const BLOCKED_PREFIX = 'web-a';
const BASE32_CHARACTERS = Array.from('abcdefghijklmnopqrstuvwxyz234567');

export interface Sender {
  deviceId: string;
  deviceKey: string;
}
export interface HostileRequest {
  path: 'devices' | 'messages';
  body: string | Buffer;
  headers: Record<string, string>;
  /** without the function key */
  anonymous?: boolean;
}

interface Targets {
  hostName: string;
  victims: readonly Sender[];
  /** a device whose id begins like a visitor's */
  ordinary: Sender;
}

export const visitorsOf = (secret: string, hostName: string, idPrefix = PREFIX, blocklist: string[] = []) =>
  createVisitors({ gateways: 4, idPrefix, secrets: [secret], blocklist }, hostName);

/** A key that is not the victim's. */
function forgedKeys(
  { deviceId, deviceKey }: Sender,
  { hostName, victims, ordinary }: Targets,
): fc.Arbitrary<string> {
  const own = Buffer.from(deviceKey, 'base64');
  const mac = (text: string) => createHmac('sha256', SECRET).update(text).digest('base64');
  const known = [
    ...victims.filter((other) => other.deviceId !== deviceId).map((other) => other.deviceKey),
    visitorsOf(OTHER_SECRET, hostName).keyOf(deviceId),
    visitorsOf(SECRET, 'other.azure-devices.net').keyOf(deviceId),
    visitorsOf(SECRET, hostName).keyOf(deviceId.toUpperCase()),
    visitorsOf(SECRET, hostName).gatewayKeys(deviceId).primary,
    own.subarray(1).toString('base64'),
    own.subarray(0, 32).toString('base64'),
    Buffer.concat([own, Buffer.alloc(1)]).toString('base64'),
    mac(deviceId),
    mac(`gateway\n${hostName}\n${deviceId}`),
    ordinary.deviceKey,
    SECRET,
  ];
  return fc.oneof(
    fc.constantFrom(...known),
    fc.uint8Array({ minLength: 16, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    // another version, or one bit that is wrong
    fc.tuple(fc.nat(own.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
      const wrong = Buffer.from(own);
      wrong[at] = (wrong[at] ?? 0) ^ mask;
      return wrong.toString('base64');
    }),
  );
}

/** The right key, written as strict base64 is not. */
const misspelt = ({ deviceKey }: Sender): fc.Arbitrary<unknown> =>
  fc
    .oneof(
      fc.constantFrom(
        deviceKey.replace(/=+$/, ''),
        `${deviceKey}=`,
        ` ${deviceKey}`,
        `${deviceKey}\n`,
        `${deviceKey.slice(0, 10)}\r\n${deviceKey.slice(10)}`,
        `${deviceKey.slice(0, 10)}=${deviceKey.slice(10)}`,
        deviceKey.replace(/^./, '\u212a'),
        `${deviceKey}${deviceKey}`,
        'not base64!',
        '',
        null,
        [deviceKey],
        { toString: deviceKey },
      ),
      fc.string({ unit: 'binary', maxLength: 90 }),
    )
    .filter((key) => key !== deviceKey);

const malformedIds = ({ deviceId }: Sender, ordinary: Sender): fc.Arbitrary<unknown> => {
  const suffix = deviceId.slice(PREFIX.length);
  return fc.oneof(
    fc.constantFrom(
      ...[deviceId.toUpperCase(), `WEB-${suffix}`, `${deviceId} `, ` ${deviceId}`, `${deviceId}\n`],
      ...[
        `${deviceId}\0`,
        `${deviceId}a`,
        deviceId.slice(0, -1),
        suffix,
        `web-${deviceId}`,
        `web%2D${suffix}`,
      ],
      ...[`${deviceId}/messages`, `../${deviceId}`, `${deviceId};HostName=evil.example`, `${deviceId}?x=1`],
      ...[`web-${suffix.replace(/^./, '0')}`, `web-${suffix.replace(/.$/, '1')}`, `web\u2010${suffix}`],
      ...['', null, 1, [deviceId], { deviceId }, 'x'.repeat(10_000), 'web-gateway-00/../x'],
    ),
    fc.string({ unit: 'grapheme', maxLength: 140 }).filter((text) => text !== ordinary.deviceId),
  );
};

const otherVisitorIds = (victim: Sender): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(victim.deviceId),
    fc
      .string({ unit: fc.constantFrom(...BASE32_CHARACTERS), minLength: 26, maxLength: 26 })
      .map((end) => PREFIX + end),
  );
const gatewayIds = fc.nat(999).map((n) => `${PREFIX}gateway-${String(n).padStart(2, '0')}`);
const deviceKeys = fc
  .uint8Array({ minLength: 16, maxLength: 64 })
  .map((bytes) => Buffer.from(bytes).toString('base64'));
const ownProperty = fc
  .tuple(
    fc.mixedCase(
      fc.constantFrom(
        'hubfront-visitor',
        'hubfront-x',
        'iothub-connection-device-id',
        'iothub-app-hubfront-visitor',
      ),
    ),
    fc.constantFrom('x', ...BASE32_CHARACTERS),
  )
  .map(([name, value]) => ({ [name]: value }));
const headers = fc.dictionary(
  fc.constantFrom(
    'x-forwarded-for',
    'x-azure-clientip',
    'x-azure-socketip',
    'iothub-app-hubfront-visitor',
    'cookie',
  ),
  fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: 'grapheme-ascii', maxLength: 300 }).map((text) => text.trim()),
  ),
  { maxKeys: 3 },
);

/** Bodies that are to be refused. */
function bodies(victim: Sender, targets: Targets): fc.Arbitrary<Omit<HostileRequest, 'headers'>> {
  const message = fc.oneof(
    fc.constant({ deviceMessage: 'forged' }),
    fc.constant({ messages: [{ deviceMessage: 'forged' }, { deviceMessage: 'forged too' }] }),
  );
  const sending = (parts: fc.Arbitrary<object>[]) =>
    fc
      .tuple(message, ...parts)
      .map((all) => ({ path: 'messages' as const, body: JSON.stringify(Object.assign({}, ...all)) }));
  const registering = (parts: fc.Arbitrary<object>[]) =>
    fc
      .tuple(...parts)
      .map((all) => ({ path: 'devices' as const, body: JSON.stringify(Object.assign({}, ...all)) }));
  const { hostName, ordinary } = targets;
  const blocked = deviceKeys
    .map((key) => visitorsOf(SECRET, hostName).idOf(Buffer.from(key, 'base64')))
    .map((id) => BLOCKED_PREFIX + id.slice(PREFIX.length + 1))
    .map((deviceId) => ({ deviceId, deviceKey: visitorsOf(SECRET, hostName).keyOf(deviceId) }));
  const gatewayKey = fc.constant(
    visitorsOf(OTHER_SECRET, hostName).gatewayKeys(`${PREFIX}gateway-00`).primary,
  );
  const key = (keys: fc.Arbitrary<unknown>) => keys.map((deviceKey) => ({ deviceKey }));
  const id = (ids: fc.Arbitrary<unknown>) => ids.map((deviceId) => ({ deviceId }));
  const large = (bytes: number) => JSON.stringify({ ...victim, deviceMessage: 'x'.repeat(bytes) });
  return fc.oneof(
    {
      weight: 8,
      arbitrary: sending([fc.constant({ deviceId: victim.deviceId }), key(forgedKeys(victim, targets))]),
    },
    { weight: 2, arbitrary: sending([fc.constant({ deviceId: victim.deviceId }), key(misspelt(victim))]) },
    { weight: 3, arbitrary: sending([fc.constant(victim), id(malformedIds(victim, ordinary))]) },
    { weight: 2, arbitrary: sending([id(gatewayIds), key(fc.oneof(deviceKeys, gatewayKey))]) },
    { weight: 2, arbitrary: sending([blocked]) },
    {
      weight: 3,
      arbitrary: registering([
        id(otherVisitorIds(victim)),
        key(fc.oneof(deviceKeys, fc.constant(victim.deviceKey))),
      ]),
    },
    { weight: 1, arbitrary: registering([id(otherVisitorIds(victim))]) },
    { weight: 2, arbitrary: registering([id(gatewayIds), key(fc.oneof(deviceKeys, gatewayKey))]) },
    { weight: 1, arbitrary: registering([key(misspelt(victim))]) },
    {
      weight: 3,
      arbitrary: fc.tuple(fc.constantFrom(victim, ordinary), ownProperty).map(([sender, properties]) => ({
        path: 'messages' as const,
        body: JSON.stringify({ ...sender, deviceMessage: 'forged', properties }),
      })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Omit<HostileRequest, 'headers'>>(
        { path: 'messages', body: large(300_000) },
        { path: 'devices', body: large(20_000) },
        { path: 'devices', body: '{}', anonymous: true },
        { path: 'messages', body: gzipSync(JSON.stringify(victim)).subarray(0, 40) },
        { path: 'messages', body: JSON.stringify({ ...victim, messages: [] }) },
        { path: 'messages', body: `{"deviceId":"${victim.deviceId}","deviceId":"x"` },
      ),
    },
  );
}

/** Requests about visitors, each of which is to be refused. */
export function hostileVisitorRequests(targets: Targets): fc.Arbitrary<HostileRequest> {
  return fc
    .constantFrom(...targets.victims)
    .chain((victim) => fc.tuple(bodies(victim, targets), headers))
    .map(([request, given]) => ({ ...request, headers: given }));
}
