/** Attaches an AMQP receiver to a partition: checks its path, its claim, the reader quota and its epoch. */

import type { Sender } from 'rhea';
import { remoteAttach, sendsSettled, sourcePath, type AmqpCondition } from '../amqp';
import type { Hub } from '../hub';
import type { Claims } from './claims';
import { PartitionReader } from './partitionReader';
import type { Readers } from './readers';
import { invalidPartition, notFound, REDIRECT, refusalOfHubEntity, unauthorizedFor } from './refusals';
import { seek } from './selector';

const READER_PATH = /^([^/]+)\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i;
/** The selector filter's name and code (AMQP filters registry, as Apache registered it). */
const SELECTOR_FILTER = 'apache.org:selector-filter:string';
const SELECTOR_FILTER_CODE = 0x468c00000004;
const RUNTIME_METRIC = 'com.microsoft:enable-receiver-runtime-metric';

/**
 * Attaches a client's receiver to a partition, or returns the error with which the service rejects it.
 *
 * @param unsentBytes as in `ReaderOptions`
 */
export function attachReader(
  hub: Hub,
  readers: Readers,
  claims: Claims,
  link: Sender,
  unsentBytes: () => number,
): PartitionReader | AmqpCondition {
  const path = sourcePath(link);
  const ofHub = refusalOfHubEntity(path, hub.identity);
  // Only clients with the right to read are redirected.
  if (ofHub?.condition === REDIRECT && !claims.cover(path)) return unauthorizedFor('Listen', path);
  if (ofHub) return ofHub;
  const [, entity = '', group = '', partitionId = ''] = READER_PATH.exec(path) ?? [];
  const log = hub.partitions.find((partition) => partition.id === partitionId);
  const consumerGroup = group.toLowerCase();
  const known =
    entity.toLowerCase() === hub.identity.name &&
    hub.identity.consumerGroups.some((name) => name.toLowerCase() === consumerGroup);
  if (!claims.cover(path)) return unauthorizedFor('Listen', path);
  if (!known) return notFound(path);
  if (!log) return invalidPartition(hub.partitions.length);
  const fault = hub.faults.apply('attachError', (f) => (f.partitionId ?? partitionId) === partitionId);
  if (fault) return { condition: fault.condition, description: fault.description };

  const { properties, desiredCapabilities } = remoteAttach(link);
  const epoch = epochOf(properties['com.microsoft:epoch']);
  const refusal = readers.refusal({ partitionId, consumerGroup, epoch }, hub.faults.find('readerQuota')?.max);
  if (refusal) return refusal;
  const start = seek(log, selectorOf(link));
  if (typeof start !== 'number') return start;

  const name = properties['com.microsoft:receiver-name'];
  const reader = new PartitionReader(link, log, start, {
    consumerGroup,
    epoch,
    name: typeof name === 'string' ? name : link.name,
    sendsSettled: sendsSettled(link),
    wantsRuntimeMetric: desiredCapabilities.includes(RUNTIME_METRIC),
    holdBackMs: () => hub.faults.find('slowPartition', (f) => f.partitionId === partitionId)?.delayMs ?? 0,
    unsentBytes,
    onClose: readers.remove,
  });
  readers.add(reader);
  return reader;
}

/** An AMQP long. rhea returns values beyond JavaScript's safe integers as eight bytes. */
function epochOf(property: unknown): bigint | undefined {
  if (Buffer.isBuffer(property)) return property.readBigInt64BE();
  return typeof property === 'number' && Number.isInteger(property) ? BigInt(property) : undefined;
}

/** rhea's form of a described value. */
interface Described {
  readonly descriptor?: { readonly value: unknown };
  readonly value: unknown;
}

/**
 * The type of a filter is its descriptor, not its key in the filter set (Qpid Proton uses the key `selector`). Some
 * clients send the text without a descriptor, with the filter's name as key.
 */
function selectorOf(link: Sender): string | undefined {
  const filters = (link.source as { filter?: Record<string, unknown> } | undefined)?.filter ?? {};
  const found = Object.entries(filters).find(
    ([name, filter]) =>
      (name === SELECTOR_FILTER && filter !== null) ||
      (isDescribed(filter) &&
        [SELECTOR_FILTER, SELECTOR_FILTER_CODE].includes(filter.descriptor?.value as string | number)),
  );
  if (!found) return undefined;
  const [, filter] = found;
  const value = isDescribed(filter) ? filter.value : filter;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const isDescribed = (filter: unknown): filter is Described =>
  typeof filter === 'object' && filter !== null && 'value' in filter;
