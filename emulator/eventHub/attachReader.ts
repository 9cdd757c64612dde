import type { Sender } from 'rhea';
import type { Hub } from '../hub';
import { CONSUMER_GROUPS, EVENT_HUB_NAME } from '../wellKnown';
import type { Claims } from './claims';
import { PartitionReader } from './partitionReader';
import type { Readers } from './readers';
import { remoteAttach } from './rheaInternals';
import { seek, type AmqpCondition } from './selector';

const ADDRESS = /^([^/]+)\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i;
const SELECTOR_FILTER = 'apache.org:selector-filter:string';
const RUNTIME_METRIC = 'com.microsoft:enable-receiver-runtime-metric';

/** Attaches a client's receiver to a partition, or says why the service would not. */
export function attachReader(
  hub: Hub,
  readers: Readers,
  claims: Claims,
  link: Sender,
): PartitionReader | AmqpCondition {
  const address = addressOf(link);
  const [, entity = '', group = '', partitionId = ''] = ADDRESS.exec(address) ?? [];
  const log = hub.partitions.find((partition) => partition.id === partitionId);
  const consumerGroup = group.toLowerCase();
  const known =
    entity.toLowerCase() === EVENT_HUB_NAME &&
    CONSUMER_GROUPS.some((name) => name.toLowerCase() === consumerGroup);
  if (!claims.cover(address)) return unauthorizedFor('Listen', address);
  if (!known || !log) {
    return {
      condition: 'amqp:not-found',
      description: `The messaging entity '${address}' could not be found.`,
    };
  }
  const fault = hub.faults.apply('attachError', (f) => (f.partitionId ?? partitionId) === partitionId);
  if (fault) return { condition: fault.condition, description: fault.description };

  const { properties, desiredCapabilities } = remoteAttach(link);
  const epochProperty = properties['com.microsoft:epoch'];
  const epoch = epochProperty === undefined ? undefined : Number(epochProperty);
  const refusal = readers.refusal({ partitionId, consumerGroup, epoch }, hub.faults.find('readerQuota')?.max);
  if (refusal) return refusal;
  const start = seek(log, selectorOf(link));
  if (typeof start !== 'number') return start;

  const name = properties['com.microsoft:receiver-name'];
  const reader = new PartitionReader(link, log, start, {
    consumerGroup,
    epoch,
    name: typeof name === 'string' ? name : link.name,
    wantsRuntimeMetric: desiredCapabilities.includes(RUNTIME_METRIC),
    holdBackMs: () => hub.faults.find('slowPartition', (f) => f.partitionId === partitionId)?.delayMs ?? 0,
    onClose: readers.remove,
  });
  readers.add(reader);
  return reader;
}

export const unauthorizedFor = (claim: 'Listen' | 'Send', address: string): AmqpCondition => ({
  condition: 'amqp:unauthorized-access',
  description: `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${address}'.`,
});

export const addressOf = (link: Sender): string =>
  (link.source as { address?: string } | undefined)?.address ?? '';

function selectorOf(link: Sender): string | undefined {
  const filters = (link.source as { filter?: Record<string, unknown> } | undefined)?.filter;
  const filter = filters?.[SELECTOR_FILTER];
  if (filter === undefined || filter === null) return undefined;
  const value = typeof filter === 'object' && 'value' in filter ? filter.value : filter;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
