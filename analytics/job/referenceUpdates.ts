/** Loads the reference data of a job from its snapshots, and each new version of it. */

import type { Engine } from '../engine';
import { FormatError } from '../inputFile';
import { textOf } from '../query';
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
  /** Loads new versions. An error of one reference input does not keep the others from being updated. */
  update: () => Promise<ReferenceUpdate>;
}

export interface ReferenceUpdate {
  /** the next snapshot whose time is still to come */
  next: { path: string; validFrom: number } | undefined;
  /** whether each reference input has a version, and storage has returned all newer snapshots */
  isComplete: boolean;
  /** the error of storage, or else that of the newest snapshot if its content is invalid */
  problem: string | undefined;
}

interface Reference {
  name: string;
  snapshots: SnapshotSource;
  loaded: ReferenceState | undefined;
  /** by snapshot: the error of its content */
  invalid: Map<string, string>;
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
  const references: Reference[] = [];
  for (const name of engine.references.names) {
    const pattern = await pathPatternOf(queryFile, name);
    const snapshots = openSnapshots(storageConnection, container, pattern);
    const held = await engine.references.resume(name, snapshots.origin);
    references.push({ name, snapshots, loaded: held && stateOf(name, held), invalid: new Map() });
    if (held) log(`analytics continues with the reference data ${held.path}`);
  }

  /** @returns whether the content of the snapshot is valid */
  async function load(reference: Reference, snapshot: Snapshot): Promise<boolean> {
    const { path, time } = snapshot;
    const { name, snapshots } = reference;
    try {
      await snapshots.withFile(snapshot, async (file) => {
        const rows = await engine.references.load(name, file, time * 1_000, path, snapshots.origin);
        reference.loaded = { name, path, validFrom: time, rows };
      });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const problem = textOf(error);
      reference.invalid.set(keyOf(snapshot), problem);
      log(`analytics skips a snapshot of reference data: ${problem}`);
      return false;
    }
    log(`analytics uses the reference data ${path}`);
    return true;
  }

  /** @returns the snapshots that are not valid yet, and the error of the newest one if its content is invalid */
  async function updateOne(reference: Reference): Promise<{ coming: Snapshot[]; problem?: string }> {
    const { snapshots, invalid } = reference;
    const now = Date.now();
    const all = await snapshots.list();
    const newest = all.filter(({ time }) => time <= now).at(-1);
    const after = reference.loaded?.validFrom ?? -Infinity;
    const usable = all.filter((one) => one.time <= now && one.time > after && !invalid.has(keyOf(one)));
    // A job first loads the newest snapshot, then each later one in turn, because events may need each of them.
    if (reference.loaded) for (const snapshot of usable.slice(-MAX_VERSIONS)) await load(reference, snapshot);
    else for (const snapshot of usable.reverse()) if (await load(reference, snapshot)) break;
    const problem = newest && invalid.get(keyOf(newest));
    return { coming: all.filter(({ time }) => time > now), ...(problem !== undefined && { problem }) };
  }

  return {
    any: references.length > 0,
    loaded: () => references.flatMap(({ loaded }) => loaded ?? []),
    update: async () => {
      const coming: Snapshot[] = [];
      const failures: string[] = [];
      const problems: string[] = [];
      for (const reference of references)
        try {
          const updated = await updateOne(reference);
          coming.push(...updated.coming);
          if (updated.problem !== undefined) problems.push(updated.problem);
        } catch (error) {
          failures.push(`the snapshots of '${reference.name}' could not be read: ${textOf(error)}`);
        }
      const next = coming.sort((a, b) => a.time - b.time)[0];
      return {
        next: next && { path: next.path, validFrom: next.time },
        isComplete: failures.length === 0 && references.every(({ loaded }) => loaded !== undefined),
        problem: failures[0] ?? problems[0],
      };
    },
  };
}

/** A blob that is written again is another snapshot. */
const keyOf = ({ path, etag }: Snapshot): string => `${path} ${etag}`;

const stateOf = (name: string, { path, validFromUs, rows }: ReferenceVersion): ReferenceState => ({
  ...{ name, path, rows },
  validFrom: validFromUs / 1_000,
});
