import { setMaxListeners } from 'node:events';
import { EventHubConsumerClient } from '@azure/event-hubs';
import type { Settings } from '../settings';
import { unlessAborted } from './deadline';
import { ownedTransport } from './eventHubTransport';

/** A single operation of the SDK: opening a link, asking `$management`. */
const OPERATION_TIMEOUT_MS = 4_000;

/**
 * The SDK asks the service for a sign of life at least every 30 s: silence for longer than two of them means that
 * the connection is dead or that this instance was frozen.
 */
const SILENCE_LIMIT_MS = 65_000;

/**
 * One Event Hubs client with its connection. After any failure the SDK's state is not worth trusting (it can stay
 * unusable for good, or end the process), so a client is a generation: used while it is well, thrown away whole as
 * soon as it is not.
 */
export interface Generation {
  readonly client: EventHubConsumerClient;
  /** aborted when the connection is gone */
  readonly ended: AbortSignal;
  /** Marks work under way; what it returns marks the end of that work. */
  hold: () => () => void;
  /** Gives it no new work, and ends it when the work under way is done. */
  retire: () => void;
}

/** Hands out the current generation, or a new one when the last is over. */
export interface EventHubClients {
  current: () => Generation;
  close: () => void;
}

export function createEventHubClients(settings: Settings): EventHubClients {
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
  const over = new AbortController();
  setMaxListeners(0, over.signal); // one for each partition that is being read
  let workers = 0;
  let retired = false;

  const end = (): void => {
    if (over.signal.aborted) return;
    over.abort(new Error('The connection to the hub was lost'));
    sockets.destroy();
  };
  const { webSocket, sockets } = ownedTransport(eventHub, end);
  const client = new EventHubConsumerClient(consumerGroup, eventHub.connectionString, {
    retryOptions: { maxRetries: 0, retryDelayInMs: 100, timeoutInMs: OPERATION_TIMEOUT_MS },
    webSocketOptions: { webSocket },
  });
  return {
    client,
    ended: over.signal,
    end,
    isUsable: () =>
      !retired && !over.signal.aborted && Date.now() - sockets.lastReceivedAt() < SILENCE_LIMIT_MS,
    hold: () => {
      workers += 1;
      return () => {
        workers -= 1;
        if (retired && workers === 0) end();
      };
    },
    retire: () => {
      retired = true;
      if (workers === 0) end();
    },
  };
}

/** The outcome of `work`, unless the generation it runs on ends first. */
export async function whileAlive<T>(
  generation: Generation,
  work: (client: EventHubConsumerClient) => Promise<T>,
): Promise<T> {
  const release = generation.hold();
  try {
    return await unlessAborted(work(generation.client), generation.ended);
  } finally {
    release();
  }
}
