import { createHash } from 'node:crypto';
import type { PartitionProperties } from '@azure/event-hubs';
import { type Generation, whileAlive } from './eventHubClient';

/** What one partition holds, as `$management` tells it. */
export interface PartitionHead {
  partitionId: string;
  /** sequence number of the oldest message that is kept */
  firstSequenceNumber: number;
  /** sequence number of the newest message; -1 when there has been none */
  lastSequenceNumber: number;
  lastOffset: string;
  /** nothing is kept (any more) */
  empty: boolean;
}

/** All partitions at one moment, in the order of their numbers. */
export interface HubSnapshot {
  /** see `Cursor.hubTag` */
  hubTag: number;
  partitions: readonly PartitionHead[];
}

/** @returns where each partition begins and ends now: one call of `$management` each, and one for the hub */
export async function takeSnapshot(generation: Generation): Promise<HubSnapshot> {
  const hub = await whileAlive(generation, (client) => client.getEventHubProperties());
  const heads = await whileAlive(generation, (client) =>
    Promise.all(hub.partitionIds.map((id) => client.getPartitionProperties(id))),
  );
  return {
    hubTag: tagOf(hub.name, hub.createdOn),
    partitions: heads.map(toHead).sort((a, b) => Number(a.partitionId) - Number(b.partitionId)),
  };
}

/** A hub that was recreated, or failed over to another region, has another Event Hub with a new time of creation. */
function tagOf(eventHubName: string, createdOn: Date): number {
  return createHash('sha256').update(`${eventHubName}\n${createdOn.getTime()}`).digest().readUInt32BE();
}

function toHead(properties: PartitionProperties): PartitionHead {
  return {
    partitionId: properties.partitionId,
    firstSequenceNumber: properties.beginningSequenceNumber,
    lastSequenceNumber: properties.lastEnqueuedSequenceNumber,
    lastOffset: properties.lastEnqueuedOffset,
    empty: properties.isEmpty,
  };
}

/**
 * Lets callers that arrive together share one run of `work`. A caller never gets a run that had begun before it
 * came, so what it sees is at least as new as its own call.
 */
export function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  return () => {
    next ??= (async () => {
      await running?.catch(() => undefined);
      next = undefined;
      const run = work();
      running = run;
      return run;
    })();
    return next;
  };
}
