import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { deserialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { Message } from 'rhea';
import type { Settings } from '../../settings';
import { unlessAborted, withDeadline } from '../../resilience/deadline';
import { AmqpError, toAmqpError } from './amqpError';
import type { HubProperties, OwnedGeneration, PartitionProperties, ReceiveOptions } from './generation';
import type { SdkReport, SdkRequest } from './sdkProtocol';
import { createWorkCount } from './workCount';

/** The first operation also starts the thread and opens the connection. */
const OPERATION_TIMEOUT_MS = 5_000;
/** The SDK requires a frame from the service at least every 60 s. */
const SILENCE_LIMIT_MS = 65_000;
/** The thread closes its connections and ends by itself within this time, or is terminated. */
const CLOSE_TIMEOUT_MS = 1_000;

/** The worker's bundle is beside the app's bundle. If the source itself runs, as in tests, this is the last build. */
const WORKER_FILE = [join(__dirname, 'sdkWorker.js'), resolve('dist/sdkWorker.js')].find((file) =>
  existsSync(file),
);

/**
 * A generation that reads through Microsoft's `@azure/event-hubs`: the fallback if our own reader and the service
 * disagree. The SDK runs in a separate thread, which ends with the generation, regardless of the state of the SDK.
 */
export function createSdkGeneration({ eventHub, consumerGroup }: Settings): OwnedGeneration {
  const over = new AbortController();
  setMaxListeners(0, over.signal); // one for each operation
  const pending = new Map<number, { resolve: (result: never) => void; reject: (error: unknown) => void }>();
  const receivers = new Map<number, Pick<ReceiveOptions, 'onMessage' | 'onEnd'>>();
  let requests = 0;
  let receivedAt = Date.now();

  const worker = new Worker(WORKER_FILE ?? '', { workerData: { eventHub, consumerGroup } });
  worker.unref(); // the thread alone does not keep the process alive
  const ask = (request: SdkRequest): void => {
    worker.postMessage(request);
  };

  const end = (reason?: unknown): void => {
    if (over.signal.aborted) return;
    const error = toAmqpError(reason);
    over.abort(error);
    for (const { onEnd } of receivers.values()) onEnd(error);
    receivers.clear();
    ask({ kind: 'close' });
    const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS);
    worker.once('exit', () => {
      clearTimeout(timer);
    });
  };
  const work = createWorkCount(end);

  worker.on('error', end); // an uncaught error of the SDK
  worker.on('exit', () => {
    end();
  });
  worker.on('message', (report: SdkReport) => {
    receivedAt = Date.now();
    switch (report.kind) {
      case 'result':
        pending.get(report.id)?.resolve(report.result as never);
        break;
      case 'failure':
        pending.get(report.id)?.reject(new AmqpError(report.failure.condition, report.failure.message));
        break;
      case 'messages':
        // `onMessage` may close the receiver.
        for (const message of deserialize(report.messages) as Message[]) {
          receivers.get(report.id)?.onMessage(message);
        }
        break;
      case 'stopped': {
        const receiver = receivers.get(report.id);
        receivers.delete(report.id);
        receiver?.onEnd(new AmqpError(report.failure.condition, report.failure.message));
        break;
      }
      case 'ended':
        end(new AmqpError(report.failure.condition, report.failure.message));
        break;
      case 'alive':
    }
  });

  const operation = async <T>(request: (id: number) => SdkRequest): Promise<T> => {
    const release = work.hold();
    const id = (requests += 1);
    try {
      const response = new Promise<T>((resolve, reject) => {
        pending.set(id, { resolve: resolve, reject });
      });
      ask(request(id));
      return await withDeadline(
        unlessAborted(response, over.signal),
        OPERATION_TIMEOUT_MS,
        'its Event Hub-compatible endpoint',
      );
    } finally {
      pending.delete(id);
      release();
    }
  };

  return {
    ended: over.signal,
    end,
    hold: work.hold,
    retire: work.retire,
    isUsable: () => !work.isRetired() && !over.signal.aborted && Date.now() - receivedAt < SILENCE_LIMIT_MS,
    readHub: () => operation<HubProperties>((id) => ({ kind: 'readHub', id })),
    readPartitions: (partitionIds) =>
      operation<PartitionProperties[]>((id) => ({ kind: 'readPartitions', id, partitionIds })),
    receive: (partitionId, { after, credit, onMessage, onEnd }) => {
      if (over.signal.aborted) return Promise.reject(toAmqpError(over.signal.reason));
      const id = (requests += 1);
      receivers.set(id, { onMessage, onEnd });
      ask({ kind: 'receive', id, partitionId, after, credit });
      return Promise.resolve({
        addCredit: () => undefined, // the SDK grants credit by itself
        close: () => {
          if (receivers.delete(id)) ask({ kind: 'stop', id });
        },
      });
    },
  };
}
