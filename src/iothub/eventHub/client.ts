import type { Message } from 'rhea';
import type { Settings } from '../../settings';
import type { Position } from '../feed/cursor';
import { withDeadline } from '../../resilience/deadline';
import { createClaims } from './claims';
import { openAmqpConnection } from './connection';
import { type PartitionReceiver, openReceiver } from './receiver';
import { createRequestNode } from './requestNode';
import { createSessionPool } from './sessionPool';

/** A single exchange with the service: opening a connection, claiming a right, asking `$management`. */
const OPERATION_TIMEOUT_MS = 4_000;

/**
 * The service is asked for a sign of life at least every 60 s: silence for longer means that the connection is dead,
 * or that this instance was frozen.
 */
const SILENCE_LIMIT_MS = 65_000;

/** A question to `$management` has none, and Microsoft's SDK sends this. */
const EMPTY_BODY = Buffer.from('[]');

/** What `$management` tells of an Event Hub. */
export interface HubProperties {
  name: string;
  createdAt: Date;
  partitionIds: readonly string[];
}

/** What `$management` tells of a partition. */
export interface PartitionProperties {
  partitionId: string;
  firstSequenceNumber: number;
  lastSequenceNumber: number;
  lastOffset: string;
  empty: boolean;
}

export interface ReceiveOptions {
  after: Position;
  credit: number;
  onMessage: (message: Message) => void;
  onEnd: (error: unknown) => void;
}

/**
 * One connection to the Event Hub-compatible endpoint. After any failure its state is not worth trusting, so it is a
 * generation: used while it is well, thrown away whole as soon as it is not.
 */
export interface Generation {
  /** aborted when the connection is gone */
  readonly ended: AbortSignal;
  /** @throws {AmqpError} */
  readHub: () => Promise<HubProperties>;
  /**
   * Asks for all of them at once.
   *
   * @returns in the order asked for
   * @throws {AmqpError}
   */
  readPartitions: (partitionIds: readonly string[]) => Promise<PartitionProperties[]>;
  /**
   * Claims the right to a partition and attaches a reader.
   *
   * @throws {AmqpError} when the claim is refused; what comes later is told to `onEnd`
   */
  receive: (partitionId: string, options: ReceiveOptions) => Promise<PartitionReceiver>;
  /** Marks work under way; what it returns marks the end of that work. */
  hold: () => () => void;
  /** Gives it no new work, and ends it when the work under way is done. */
  retire: () => void;
}

/** Hands out the current generation, or a new one when the last is over. */
export interface EventHubClient {
  current: () => Generation;
  close: () => void;
}

export function createEventHubClient(settings: Settings): EventHubClient {
  let latest: ReturnType<typeof createGeneration> | undefined;
  return {
    current: () => {
      if (!latest?.isUsable()) {
        latest?.end();
        latest = createGeneration(settings);
      }
      return latest;
    },
    close: () => latest?.end(),
  };
}

function createGeneration({ eventHub, consumerGroup }: Settings) {
  const connection = openAmqpConnection(eventHub);
  const claims = createClaims(connection, eventHub);
  const management = createRequestNode(connection, '$management');
  const sessions = createSessionPool(connection);
  const hub = eventHub.entityPath;
  const managementPath = `${hub}/$management`;
  const { end, ended } = connection;
  let workers = 0;
  let retired = false;

  const hold = (): (() => void) => {
    workers += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      workers -= 1;
      if (retired && workers === 0) end();
    };
  };
  /** One exchange with the service, which fails when it takes too long; its link tells of the connection's end. */
  const exchange = async <T>(work: () => Promise<T>): Promise<T> => {
    const release = hold();
    try {
      return await withDeadline(work(), OPERATION_TIMEOUT_MS, 'its Event Hub-compatible endpoint');
    } finally {
      release();
    }
  };
  /** What `$management` answers to each of the questions. */
  const ask = (questions: readonly Record<string, string>[]): Promise<Record<string, unknown>[]> =>
    exchange(async () => {
      const token = await claims.tokenFor(managementPath);
      const asked = { operation: 'READ', name: hub, security_token: token };
      const answers = questions.map((question) => management.request({ ...asked, ...question }, EMPTY_BODY));
      return (await Promise.all(answers)) as Record<string, unknown>[];
    });
  return {
    ended,
    end,
    hold,
    retire: () => {
      retired = true;
      if (workers === 0) end();
    },
    isUsable: () => !retired && !ended.aborted && Date.now() - connection.lastReceivedAt() < SILENCE_LIMIT_MS,
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
