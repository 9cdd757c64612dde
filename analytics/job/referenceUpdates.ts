/** Loads the reference data of a job from its snapshots, and each new version of it. */

import type { Engine } from '../engine';
import { MAX_VERSIONS, type ReferenceVersion } from '../referenceVersions';
import { type Snapshot, type SnapshotSource, openSnapshots, pathPatternOf } from './snapshots';

export interface ReferenceState {
  /** of the reference input in the query */
  name: string;
  path: string;
  /** from when on it is valid, ms */
  validFrom: number;
  rows: number;
}

export interface ReferenceUpdates {
  /** whether the query joins reference data */
  any: boolean;
  /** in the order of the query, those that have been loaded */
  loaded: () => readonly ReferenceState[];
  /** whether each reference input has a version */
  isComplete: () => boolean;
  /** Loads new versions. @returns the next snapshot whose time is still to come */
  update: () => Promise<{ path: string; validFrom: number } | undefined>;
}

interface ReferenceOptions {
  queryFile: string;
  /** of the storage account of the snapshots, and the container in it */
  storageConnection: string;
  container: string;
  log: (line: string) => void;
}

/** Continues with the versions in the state of the engine. */
export async function openReferences(
  engine: Engine,
  { queryFile, storageConnection, container, log }: ReferenceOptions,
): Promise<ReferenceUpdates> {
  const references: { name: string; snapshots: SnapshotSource; loaded: ReferenceState | undefined }[] = [];
  for (const name of engine.references.names) {
    const pattern = await pathPatternOf(queryFile, name);
    const snapshots = openSnapshots(storageConnection, container, pattern);
    const held = await engine.references.resume(name, snapshots.origin);
    references.push({ name, snapshots, loaded: held && stateOf(name, held) });
    if (held) log(`analytics continues with the reference data ${held.path}`);
  }

  async function load(reference: (typeof references)[number], snapshot: Snapshot): Promise<void> {
    const { path, time } = snapshot;
    const { name, snapshots } = reference;
    await snapshots.withFile(snapshot, async (file) => {
      const rows = await engine.references.load(name, file, time * 1_000, path, snapshots.origin);
      reference.loaded = { name, path, validFrom: time, rows };
    });
    log(`analytics uses the reference data ${path}`);
  }

  return {
    any: references.length > 0,
    loaded: () => references.flatMap(({ loaded }) => loaded ?? []),
    isComplete: () => references.every(({ loaded }) => loaded !== undefined),
    update: async () => {
      const now = Date.now();
      const coming: Snapshot[] = [];
      for (const reference of references) {
        const all = await reference.snapshots.list();
        const after = reference.loaded?.validFrom ?? -Infinity;
        const usable = all.filter(({ time }) => time <= now && time > after);
        coming.push(...all.filter(({ time }) => time > now).slice(0, 1));
        // A job first loads the newest snapshot, then each later one in turn, because events may need each of them.
        for (const snapshot of usable.slice(reference.loaded ? -MAX_VERSIONS : -1))
          await load(reference, snapshot);
      }
      const next = coming.sort((a, b) => a.time - b.time)[0];
      return next && { path: next.path, validFrom: next.time };
    },
  };
}

const stateOf = (name: string, { path, validFromUs, rows }: ReferenceVersion): ReferenceState => ({
  ...{ name, path, rows },
  validFrom: validFromUs / 1_000,
});
