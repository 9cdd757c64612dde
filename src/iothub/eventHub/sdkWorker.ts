import { serialize } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { EventHubConsumerClient, type EventPosition, type Subscription } from '@azure/event-hubs';
import type { EventHubConnection } from '../../settings';
import { NO_OFFSET, type Position } from '../feed/cursor';
import { AmqpError } from './amqpError';
import type { PartitionProperties } from './generation';
import { sdkError } from './sdkError';
import { toMessage } from './sdkMessage';
import type { SdkFailure, SdkReport, SdkRequest, SdkWorkerData } from './sdkProtocol';
import { createSdkSocket } from './sdkTransport';

/**
 * The thread in which Microsoft's `@azure/event-hubs` reads. After some failures the SDK throws uncaught errors,
 * leaves timers behind, or does not settle promises. All of this ends with the thread.
 */

/** Timeout of a single operation: opening a connection, a claim, or a request to `$management`. */
const OPERATION_TIMEOUT_MS = 4_000;
/** Messages in one call of the SDK. Its default, 1, reads about 130 messages a second. */
const MAX_BATCH_SIZE = 1_000;
/** The SDK does not report a detach without an error, but attaches again after this time. */
const MAX_WAIT_S = 1;
/** Receivers per partition: one for reading, one for waiting, and some that are still closing. */
const MAX_CLIENTS = 4;
/** How long the service may take to respond when links and connections are closed. */
const CLOSE_TIMEOUT_MS = 400;
const ALIVE_INTERVAL_MS = 1_000;

/** An SDK client has one subscription on a partition at a time. */
interface SdkClient {
  client: EventHubConsumerClient;
  partitions: Set<string>;
}

const { eventHub, consumerGroup } = workerData as SdkWorkerData;
const report = (what: SdkReport): void => parentPort?.postMessage(what);
const clients: SdkClient[] = [];
const receivers = new Map<number, () => Promise<void>>();
let reportedAliveAt = 0;
let ended = false;

function failureOf(error: unknown): SdkFailure {
  const { condition, message } = sdkError(error);
  return { condition, message };
}

function end(error?: unknown): void {
  if (ended) return;
  ended = true;
  report({ kind: 'ended', failure: failureOf(error) });
}

const webSocket = createSdkSocket(eventHub, {
  onEnd: end,
  onData: () => {
    if (Date.now() - reportedAliveAt < ALIVE_INTERVAL_MS) return;
    reportedAliveAt = Date.now();
    report({ kind: 'alive' });
  },
});

/** @returns a client without a subscription on the partition; if no partition is given, the first client */
function clientFor(partitionId?: string): SdkClient {
  const free = clients.find(({ partitions }) => partitionId === undefined || !partitions.has(partitionId));
  if (free) return free;
  if (clients.length === MAX_CLIENTS) {
    throw new AmqpError('amqp:resource-limit-exceeded', 'All receivers of the partition are in use');
  }
  const client = new EventHubConsumerClient(consumerGroup, connectionString(eventHub), {
    retryOptions: { maxRetries: 0, timeoutInMs: OPERATION_TIMEOUT_MS }, // the feed itself retries
    webSocketOptions: { webSocket },
  });
  const made = { client, partitions: new Set<string>() };
  clients.push(made);
  return made;
}

async function readPartition(partitionId: string): Promise<PartitionProperties> {
  const read = await clientFor().client.getPartitionProperties(partitionId);
  return {
    partitionId,
    firstSequenceNumber: read.beginningSequenceNumber,
    lastSequenceNumber: read.lastEnqueuedSequenceNumber,
    lastOffset: read.lastEnqueuedOffset,
    empty: read.isEmpty,
  };
}

async function readHub() {
  const { name, createdOn, partitionIds } = await clientFor().client.getEventHubProperties();
  return { name, createdAt: createdOn, partitionIds };
}

function receive({ id, partitionId, after, credit }: Extract<SdkRequest, { kind: 'receive' }>): void {
  const { client, partitions } = clientFor(partitionId);
  const stop = (): Promise<void> => {
    receivers.delete(id);
    partitions.delete(partitionId);
    return subscription.close().catch(() => undefined);
  };
  const fail = (error: unknown): void => {
    if (!receivers.has(id)) return;
    void stop();
    report({ kind: 'stopped', id, failure: failureOf(error) });
  };
  partitions.add(partitionId);
  const subscription: Subscription = client.subscribe(
    partitionId,
    {
      processEvents: (events) => {
        if (events.length === 0 || !receivers.has(id)) return Promise.resolve();
        const messages = events.map(toMessage);
        // The SDK reports an aborted delivery as a message (AMQP 1.0, 2.7.5), which may lack its body.
        if (messages.some(({ body }) => body === undefined)) {
          end(new AmqpError('amqp:connection:forced', 'The hub aborted a delivery'));
        } else report({ kind: 'messages', id, messages: serialize(messages) });
        return Promise.resolve();
      },
      // With `maxRetries: 0` the SDK repeats an error until the subscription is closed.
      processError: (error) => {
        fail(error);
        return Promise.resolve();
      },
    },
    {
      startPosition: startPosition(after),
      prefetchCount: credit,
      maxBatchSize: Math.min(credit, MAX_BATCH_SIZE),
      maxWaitTimeInSeconds: MAX_WAIT_S,
      skipParsingBodyAsJson: true,
    },
  );
  receivers.set(id, stop);
}

async function close(): Promise<void> {
  const closing = [...receivers.values()].map((stop) => stop());
  setTimeout(() => process.exit(), CLOSE_TIMEOUT_MS);
  await Promise.allSettled(closing);
  await Promise.allSettled(clients.map(({ client }) => client.close()));
  process.exit();
}

function respond(id: number, work: Promise<Extract<SdkReport, { kind: 'result' }>['result']>): void {
  work.then(
    (result) => {
      report({ kind: 'result', id, result });
    },
    (error: unknown) => {
      report({ kind: 'failure', id, failure: failureOf(error) });
    },
  );
}

parentPort?.on('message', (request: SdkRequest) => {
  switch (request.kind) {
    case 'readHub':
      respond(request.id, readHub());
      break;
    case 'readPartitions':
      respond(request.id, Promise.all(request.partitionIds.map(readPartition)));
      break;
    case 'receive':
      try {
        receive(request);
      } catch (error) {
        report({ kind: 'stopped', id: request.id, failure: failureOf(error) });
      }
      break;
    case 'stop':
      void receivers.get(request.id)?.();
      break;
    case 'close':
      void close();
  }
});

function startPosition({ sequenceNumber, offset }: Position): EventPosition {
  return sequenceNumber >= 0 && offset !== NO_OFFSET ? { sequenceNumber, isInclusive: false } : { offset };
}

function connectionString({ host, port, entityPath, policy, plainTcp }: EventHubConnection): string {
  return [
    `Endpoint=sb://${host}${plainTcp ? `:${port}` : ''}`,
    `SharedAccessKeyName=${policy.name}`,
    `SharedAccessKey=${policy.key}`,
    `EntityPath=${entityPath}`,
    ...(plainTcp ? ['UseDevelopmentEmulator=true'] : []),
  ].join(';');
}
