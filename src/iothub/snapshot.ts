import { createHash } from 'node:crypto';
import type { Generation, HubProperties, PartitionProperties } from './eventHub/client';

/** All partitions at one moment, in the order of their numbers. */
export interface HubSnapshot {
  /** see `Cursor.hubTag` */
  hubTag: number;
  partitions: readonly PartitionProperties[];
}

/** Where each partition begins and ends now: one call of `$management` each, and one for the hub. */
export type TakeSnapshot = (generation: Generation) => Promise<HubSnapshot>;

/** Asks for the hub and for the partitions that it had the last time at once, so that it takes one round trip. */
export function createSnapshots(): TakeSnapshot {
  let knownIds: readonly string[] = [];
  return async (generation) => {
    const expected = knownIds;
    // The hub first: were it recreated meanwhile, its partitions may be newer than its tag, and never older.
    const asked = generation.readHub();
    const reading = Promise.all(expected.map((id) => generation.readPartition(id)));
    reading.catch(() => undefined); // of no interest when the hub has other partitions by now
    const hub = await asked;
    knownIds = [...hub.partitionIds].sort((a, b) => Number(a) - Number(b));
    const asExpected = knownIds.length === expected.length && knownIds.every((id, i) => id === expected[i]);
    const partitions = await (asExpected
      ? reading
      : Promise.all(knownIds.map((id) => generation.readPartition(id))));
    return { hubTag: tagOf(hub), partitions };
  };
}

/** A hub that was recreated, or failed over to another region, has another Event Hub with a new time of creation. */
function tagOf({ name, createdAt }: HubProperties): number {
  return createHash('sha256').update(`${name}\n${createdAt.getTime()}`).digest().readUInt32BE();
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
