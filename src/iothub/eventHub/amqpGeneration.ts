import type { Settings } from '../../settings';
import { withDeadline } from '../../resilience/deadline';
import { createClaims } from './claims';
import type {
  HubProperties,
  OwnedGeneration,
  PartitionProperties,
  PartitionReceiver,
  ReceiveOptions,
} from './generation';
import { openAmqpConnection } from './connection';
import { openReceiver } from './receiver';
import { createRequestNode } from './requestNode';
import { createWorkCount } from './workCount';

/** Timeout of a single exchange with the service: opening a connection, a claim, or a request to `$management`. */
const OPERATION_TIMEOUT_MS = 4_000;

/**
 * The service must send something at least every 60 s. Longer silence means that the connection is dead, or that this
 * instance was suspended.
 */
const SILENCE_LIMIT_MS = 65_000;

/** Requests to `$management` have no body. Microsoft's SDK sends this value. */
const EMPTY_BODY = Buffer.from('[]');

export interface AmqpGeneration extends OwnedGeneration {
  /** Renews the claims of these partitions if they expire soon, for receivers that stay open for hours. */
  renewClaims: (partitionIds: readonly string[]) => Promise<void>;
}

/** A generation of our own reader, which uses rhea for AMQP. */
export function createAmqpGeneration({
  eventHub,
  consumerGroup,
}: Pick<Settings, 'eventHub' | 'consumerGroup'>): AmqpGeneration {
  const connection = openAmqpConnection(eventHub);
  const claims = createClaims(connection, eventHub);
  const management = createRequestNode(connection, '$management');
  const hub = eventHub.entityPath;
  const managementPath = `${hub}/$management`;
  const { end, ended } = connection;
  const work = createWorkCount(end);

  /**
   * Runs one exchange with the service, which fails after its timeout. If the connection ends, the link of the
   * exchange reports it.
   */
  const exchange = async <T>(run: () => Promise<T>): Promise<T> => {
    const release = work.hold();
    try {
      return await withDeadline(run(), OPERATION_TIMEOUT_MS, 'its Event Hub-compatible endpoint');
    } finally {
      release();
    }
  };
  /** Sends requests to `$management`, and returns the response to each. */
  const ask = (questions: readonly Record<string, string>[]): Promise<Record<string, unknown>[]> =>
    exchange(async () => {
      const token = await claims.tokenFor(managementPath);
      const asked = { operation: 'READ', name: hub, security_token: token };
      const responses = questions.map((question) =>
        management.request({ ...asked, ...question }, EMPTY_BODY),
      );
      return (await Promise.all(responses)) as Record<string, unknown>[];
    });
  const addressOf = (partitionId: string): string =>
    `${hub}/ConsumerGroups/${consumerGroup}/Partitions/${partitionId}`;
  return {
    ended,
    end,
    renewClaims: async (partitionIds) => {
      await exchange(() => Promise.all(partitionIds.map((id) => claims.ensure(addressOf(id)))));
    },
    hold: work.hold,
    retire: work.retire,
    isUsable: () =>
      !work.isRetired() && !ended.aborted && Date.now() - connection.lastReceivedAt() < SILENCE_LIMIT_MS,
    readHub: async (): Promise<HubProperties> => {
      const [info] = await ask([{ type: 'com.microsoft:eventhub' }]);
      return {
        name: String(info?.name),
        createdAt: new Date(info?.created_at as Date | number),
        partitionIds: (info?.partition_ids as unknown[]).map(String),
      };
    },
    readPartitions: async (partitionIds: readonly string[]): Promise<PartitionProperties[]> => {
      const infos = await ask(
        partitionIds.map((partition) => ({ type: 'com.microsoft:partition', partition })),
      );
      return infos.map((info, i) => ({
        partitionId: partitionIds[i] ?? '',
        firstSequenceNumber: Number(info.begin_sequence_number),
        lastSequenceNumber: Number(info.last_enqueued_sequence_number),
        lastOffset: String(info.last_enqueued_offset),
        empty: info.is_partition_empty === true,
      }));
    },
    receive: async (partitionId: string, options: ReceiveOptions): Promise<PartitionReceiver> => {
      const address = addressOf(partitionId);
      await exchange(() => claims.ensure(address));
      return openReceiver(connection, address, options);
    },
  };
}
