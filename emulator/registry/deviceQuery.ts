/** Queries on devices: `SELECT * FROM devices`, with comparisons of identity fields (iot-hub-devguide-query-language). */
import { IotHubError } from '../iotHubError';
import type { DeviceIdentity } from './deviceIdentity';
import type { DeviceRegistry } from './deviceRegistry';

/** `SELECT * FROM devices WHERE status = 'enabled' AND lastActivityTime < '2026-01-01T00:00:00Z'` */
const QUERY = /^\s*SELECT\s+\*\s+FROM\s+devices(?:\s+WHERE\s+(.+?))?\s*;?\s*$/is;
const CONDITION = /^\s*([\w.]+)\s*(=|!=|<>|<=|>=|<|>)\s*(?:'([^']*)'|(true|false))\s*$/i;

type Value = string | boolean;
const FIELDS: Readonly<Record<string, (device: DeviceIdentity) => Value>> = {
  deviceId: ({ deviceId }) => deviceId,
  status: ({ status }) => status,
  connectionState: ({ connectionState }) => connectionState,
  lastActivityTime: ({ lastActivityTime }) => lastActivityTime,
  statusUpdateTime: ({ statusUpdatedTime }) => statusUpdatedTime,
  'capabilities.iotEdge': ({ capabilities }) => capabilities.iotEdge,
};
const OPERATORS: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

export interface DeviceQueryPage {
  readonly twins: readonly object[];
  /** Absent: this is the last page. */
  readonly continuation?: string;
}

/**
 * @param continuation of the page before. It stands for a place in the order of registration, which deletions keep.
 * @throws IotHubError ArgumentInvalid for a malformed query, NotImplemented for one that IoT Hub has but the emulator
 *   does not
 */
export function queryDevices(
  registry: DeviceRegistry,
  query: string,
  pageSize: number,
  continuation: string | undefined,
): DeviceQueryPage {
  const [isQuery, where] = QUERY.exec(query) ?? [];
  if (isQuery === undefined) throw unknown(query);
  const conditions = where === undefined ? [] : where.split(/\s+AND\s+/i).map(parseCondition);
  const twins: object[] = [];
  let last = '';
  for (const device of registry.all()) {
    if (continuation !== undefined && device.generationId <= continuation) continue;
    if (!conditions.every((matches) => matches(device))) continue;
    if (twins.length === pageSize) return { twins, continuation: last };
    twins.push(twinOf(device, registry.registeredAt(device.deviceId)));
    last = device.generationId;
  }
  return { twins };
}

function parseCondition(text: string): (device: DeviceIdentity) => boolean {
  const [, field = '', operator = '', literal, flag] = CONDITION.exec(text) ?? [];
  const valueOf = FIELDS[field];
  const compare = OPERATORS[operator];
  if (!valueOf || !compare) throw unknown(text);
  const wanted = literal ?? flag?.toLowerCase() === 'true';
  return (device) => {
    const value = valueOf(device);
    return isTime(field) && typeof wanted === 'string'
      ? compare(sortable(String(value)), sortable(wanted))
      : compare(value, wanted);
  };
}

const isTime = (field: string): boolean => field.endsWith('Time');
/** Times are compared as times, whatever their decimals. */
const sortable = (time: string): string => {
  const parsed = Date.parse(time);
  if (Number.isNaN(parsed)) throw new IotHubError('ArgumentInvalid', `'${time}' is no time.`);
  return new Date(parsed).toISOString();
};

const unknown = (text: string): IotHubError =>
  new IotHubError(
    'NotImplemented',
    `The Hubfront emulator does not have this query: ${text.slice(0, 100)}. docs/emulator.md lists what it has.`,
  );

/** The twin of a device without tags and properties. Its sections were last updated at the registration. */
function twinOf(device: DeviceIdentity, registeredAt: string): object {
  const section = { $metadata: { $lastUpdated: registeredAt }, $version: 1 };
  const { primaryThumbprint, secondaryThumbprint } = device.authentication.x509Thumbprint;
  return {
    deviceId: device.deviceId,
    etag: 'AAAAAAAAAAE=',
    deviceEtag: device.etag,
    status: device.status,
    statusUpdateTime: device.statusUpdatedTime,
    connectionState: device.connectionState,
    lastActivityTime: device.lastActivityTime,
    cloudToDeviceMessageCount: device.cloudToDeviceMessageCount,
    authenticationType: device.authentication.type,
    x509Thumbprint: { primaryThumbprint, secondaryThumbprint },
    modelId: '',
    version: 2,
    properties: { desired: section, reported: section },
    capabilities: device.capabilities,
  };
}
