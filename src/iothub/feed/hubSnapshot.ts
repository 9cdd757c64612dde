import { createHash } from 'node:crypto';
import type { Generation, HubProperties, PartitionProperties } from '../eventHub/generation';

/** All partitions at one moment, in the order of their numbers. */
export interface HubSnapshot {
  /** see `Cursor.hubTag` */
  hubTag: number;
  partitions: readonly PartitionProperties[];
}

/**
 * Reads where each partition begins and ends now, with one `$management` call per partition in one round trip.
 *
 * @param anew also requests the properties of the hub, even if they are cached
 */
export type TakeSnapshot = (generation: Generation, anew: boolean) => Promise<HubSnapshot>;

/** How long the properties of a hub are cached. An Event Hub may get more partitions. */
const HUB_KNOWN_FOR_MS = 30_000;

/**
 * Requests the hub's properties once per connection and again when the cache expires. A hub that was recreated or
 * failed over has other connections. So a snapshot usually takes one call per partition, and all calls are sent at
 * once.
 */
export function createSnapshotReader(): TakeSnapshot {
  let known: { of: Generation; until: number; hubTag: number; partitionIds: readonly string[] } | undefined;
  return async (generation, anew) => {
    const expected = known?.partitionIds ?? [];
    let hub = known;
    let reading: Promise<PartitionProperties[]> | undefined;
    if (hub?.of !== generation || anew || Date.now() > hub.until) {
      // The hub is requested first. If it is recreated in between, its partitions may be newer than its tag, but not
      // older.
      const asked = generation.readHub();
      reading = generation.readPartitions(expected);
      reading.catch(() => undefined); // ignored if the hub now has other partitions
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

/** If a hub was recreated or failed over to another region, its Event Hub has a new creation time. */
function tagOf({ name, createdAt }: HubProperties): number {
  return createHash('sha256').update(`${name}\n${createdAt.getTime()}`).digest().readUInt32BE();
}
