import { createHash } from 'node:crypto';
import type { Generation, HubProperties, PartitionProperties } from '../eventHub/generation';

/** All partitions at one moment, in the order of their numbers. */
export interface HubSnapshot {
  /** see `Cursor.hubTag` */
  hubTag: number;
  partitions: readonly PartitionProperties[];
}

/**
 * Where each partition begins and ends now: one round trip, a call of `$management` for each.
 *
 * @param anew asks for the hub as well, whatever is known of it
 */
export type TakeSnapshot = (generation: Generation, anew: boolean) => Promise<HubSnapshot>;

/** How long a hub is known before it is asked for again: an Event Hub may get more partitions. */
const HUB_KNOWN_FOR_MS = 30_000;

/**
 * Asks for the hub once a connection, and now and then: a hub that is recreated or fails over is another one, on other
 * connections. So a snapshot takes a call for each partition, and they go out at once.
 */
export function createSnapshotReader(): TakeSnapshot {
  let known: { of: Generation; until: number; hubTag: number; partitionIds: readonly string[] } | undefined;
  return async (generation, anew) => {
    const expected = known?.partitionIds ?? [];
    let hub = known;
    let reading: Promise<PartitionProperties[]> | undefined;
    if (hub?.of !== generation || anew || Date.now() > hub.until) {
      // The hub first: were it recreated meanwhile, its partitions may be newer than its tag, and never older.
      const asked = generation.readHub();
      reading = generation.readPartitions(expected);
      reading.catch(() => undefined); // of no interest when the hub has other partitions by now
      const properties = await asked;
      const partitionIds = [...properties.partitionIds].sort((a, b) => Number(a) - Number(b));
      hub = { of: generation, until: Date.now() + HUB_KNOWN_FOR_MS, hubTag: tagOf(properties), partitionIds };
      known = hub;
      const asExpected =
        partitionIds.length === expected.length && partitionIds.every((id, i) => id === expected[i]);
      if (!asExpected) reading = undefined;
    }
    const partitions = await (reading ?? generation.readPartitions(hub.partitionIds));
    return { hubTag: hub.hubTag, partitions };
  };
}

/** A hub that was recreated, or failed over to another region, has another Event Hub with a new time of creation. */
function tagOf({ name, createdAt }: HubProperties): number {
  return createHash('sha256').update(`${name}\n${createdAt.getTime()}`).digest().readUInt32BE();
}
