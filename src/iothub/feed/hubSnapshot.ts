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

/** How long the properties of a hub are cached. They expire, because partitions may be added. */
const HUB_KNOWN_FOR_MS = 30_000;

/**
 * Requests the hub's properties once per connection and again when the cache expires. A hub that was recreated or
 * failed over is detected, because its connections are new. With cached properties, a snapshot takes one call per
 * partition. All calls are sent at once.
 */
export function createSnapshotReader(): TakeSnapshot {
  let known: { of: Generation; until: number; hubTag: number; partitionIds: readonly string[] } | undefined;
  return async (generation, anew) => {
    const expected = known?.partitionIds ?? [];
    let hub = known;
    let reading: Promise<PartitionProperties[]> | undefined;
    if (hub?.of !== generation || anew || Date.now() > hub.until) {
      // The hub's properties are requested before those of its partitions. If the hub is recreated in between, an old
      // tag is combined with new partitions, never the reverse. The change is then detected when the properties are
      // next read, because the tag differs.
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
