import type { AmqpCondition } from '../amqp';
import type { PartitionReader } from './partitionReader';

/** event-hubs-quotas: non-epoch receivers per consumer group and partition. */
const MAX_READERS = 5;

/** The open readers of all connections. */
export interface Readers {
  /** The error with which the service would reject this reader, or undefined. `max` is the quota. */
  refusal(candidate: ReaderCandidate, max?: number): AmqpCondition | undefined;
  /** Adds a reader. A reader with an epoch disconnects all others of its consumer group from the partition. */
  add(reader: PartitionReader): void;
  remove(reader: PartitionReader): void;
  of(partitionId: string): PartitionReader[];
  all(): PartitionReader[];
}

interface ReaderCandidate {
  readonly partitionId: string;
  readonly consumerGroup: string;
  readonly epoch: bigint | undefined;
}

export function createReaders(): Readers {
  const readers = new Set<PartitionReader>();

  const peersOf = ({ partitionId, consumerGroup }: Pick<ReaderCandidate, 'partitionId' | 'consumerGroup'>) =>
    [...readers].filter((r) => r.log.id === partitionId && r.options.consumerGroup === consumerGroup);

  return {
    refusal(candidate, max = MAX_READERS) {
      const peers = peersOf(candidate);
      const highest = highestEpoch(peers);
      if (candidate.epoch === undefined && highest !== undefined) {
        return stolen(
          `At least one receiver for the endpoint is created with epoch of '${highest}', and so non-epoch receiver is not allowed. ` +
            'Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected.',
        );
      }
      if (candidate.epoch !== undefined && highest !== undefined && candidate.epoch < highest) {
        return stolen(
          `Receiver '${candidate.partitionId}' with a higher epoch of '${highest}' already exists. ` +
            `Receiver with epoch ${candidate.epoch} cannot be created. ` +
            'Make sure you are creating receiver with increasing epoch value to ensure connectivity, ' +
            'or ensure all old epoch receivers are closed or disconnected.',
        );
      }
      if (candidate.epoch === undefined && peers.length >= max) {
        return {
          condition: 'amqp:resource-limit-exceeded',
          description:
            `Exceeded the maximum number of allowed receivers per partition in a consumer group which is ${max}. ` +
            `List of connected receivers - ${peers.map((reader) => reader.options.name).join(', ')}.`,
        };
      }
      return undefined;
    },
    add(reader) {
      const { epoch, consumerGroup } = reader.options;
      if (epoch !== undefined) {
        for (const peer of peersOf({ partitionId: reader.log.id, consumerGroup })) {
          peer.close(
            stolen(
              `New receiver with higher epoch of '${epoch}' is created hence current receiver with epoch ` +
                `'${peer.options.epoch ?? 0}' is getting disconnected. ` +
                'If you are recreating the receiver, make sure a higher epoch is used.',
            ),
          );
        }
      }
      readers.add(reader);
    },
    remove: (reader) => void readers.delete(reader),
    of: (partitionId) => [...readers].filter((reader) => reader.log.id === partitionId),
    all: () => [...readers],
  };
}

function highestEpoch(readers: readonly PartitionReader[]): bigint | undefined {
  let highest: bigint | undefined;
  for (const { options } of readers) {
    if (options.epoch !== undefined && (highest === undefined || options.epoch > highest))
      highest = options.epoch;
  }
  return highest;
}

const stolen = (description: string): AmqpCondition => ({ condition: 'amqp:link:stolen', description });
