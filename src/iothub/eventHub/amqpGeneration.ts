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
import { createSessionPool } from './sessionPool';
import { createWorkCount } from './workCount';

/** A single exchange with the service: opening a connection, claiming a right, asking `$management`. */
const OPERATION_TIMEOUT_MS = 4_000;

/**
 * The service is asked for a sign of life at least every 60 s: silence for longer means that the connection is dead,
 * or that this instance was frozen.
 */
const SILENCE_LIMIT_MS = 65_000;

/** A question to `$management` has none, and Microsoft's SDK sends this. */
const EMPTY_BODY = Buffer.from('[]');

/** A generation of our own reader, which speaks AMQP by rhea. */
export function createAmqpGeneration({ eventHub, consumerGroup }: Settings): OwnedGeneration {
  const connection = openAmqpConnection(eventHub);
  const claims = createClaims(connection, eventHub);
  const management = createRequestNode(connection, '$management');
  const sessions = createSessionPool(connection);
  const hub = eventHub.entityPath;
  const managementPath = `${hub}/$management`;
  const { end, ended } = connection;
  const work = createWorkCount(end);

  /** One exchange with the service, which fails when it takes too long; its link tells of the connection's end. */
  const exchange = async <T>(run: () => Promise<T>): Promise<T> => {
    const release = work.hold();
    try {
      return await withDeadline(run(), OPERATION_TIMEOUT_MS, 'its Event Hub-compatible endpoint');
    } finally {
      release();
    }
  };
  /** What `$management` answers to each of the questions. */
  const ask = (questions: readonly Record<string, string>[]): Promise<Record<string, unknown>[]> =>
    exchange(async () => {
      const token = await claims.tokenFor(managementPath);
      const asked = { operation: 'READ', name: hub, security_token: token };
      const responses = questions.map((question) =>
        management.request({ ...asked, ...question }, EMPTY_BODY),
      );
      return (await Promise.all(responses)) as Record<string, unknown>[];
    });
  return {
    ended,
    end,
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
      const address = `${hub}/ConsumerGroups/${consumerGroup}/Partitions/${partitionId}`;
      await exchange(() => claims.ensure(address));
      return openReceiver(connection, sessions, address, options);
    },
  };
}
