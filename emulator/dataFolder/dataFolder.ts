/** The folder in which the emulator keeps its hubs. */

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { closeAll } from '../closeAll';
import type { Log } from '../log';
import type { PartitionLog } from '../partitionLog';
import { createDataFolderLog, DataFolderError } from './dataFolderError';
import { lockFolder } from './folderLock';
import { openJournal, type Journal } from './journal';
import { openPartition, type KeptPartition } from './partitionFiles';
import { DAMAGE_ADVICE } from './recordFile';

/** The version of the files. An emulator does not open a folder of another version. */
const FORMAT = 1;
const STATE_FILE = 'state.log';
const PARTITION_PREFIX = 'partition-';
const PROPERTIES_KIND = 'hub';
const PROPERTIES_KEY = `${PROPERTIES_KIND}/properties`;

const hubProperties = z.object({
  format: z.literal(FORMAT),
  partitions: z.int().min(1),
  /** Unix time in ms. */
  createdAt: z.number(),
});

/** Where a hub keeps its state. */
export interface HubStorage {
  readonly journal: Journal;
  /** Unix time in ms at which the hub was created. */
  readonly createdAt: number;
  readonly partitions: readonly PartitionLog[];
  /** Deletes all messages, and returns new partitions. @throws IotHubError ServiceUnavailable */
  recreate(partitions: number, createdAt: number): readonly PartitionLog[];
  /** Writes what the kernel still has in memory to the disk, and releases the folder. */
  close(): void;
}

export interface StorageOptions {
  readonly folder: string;
  readonly hostName: string;
  /** Number of partitions. Undefined: as many as the folder has; `defaultPartitions` for a new hub. */
  readonly partitions: number | undefined;
  readonly defaultPartitions: number;
  readonly log: Log;
}

/**
 * Opens the folder of a hub, `<folder>/<host name>`, and reads its state. Creates it if it is absent.
 *
 * @throws DataFolderError with one line for the user: another emulator uses the folder, it cannot be written, a file is
 * damaged, or it has another number of partitions
 */
export const openStorage = (options: StorageOptions): HubStorage =>
  openLocked(options, (folder, closers, close) => openHub(folder, options, closers, close));

/** A journal in a folder of its own, `<folder>/<host name>`. @throws DataFolderError as `openStorage` */
export const openJournalFolder = (options: Pick<StorageOptions, 'folder' | 'hostName' | 'log'>) =>
  openLocked(options, (folder, closers, close) => {
    const journal = openJournal(join(folder, STATE_FILE), createDataFolderLog(folder, options.log));
    closers.push(() => journal.close());
    return { journal, close };
  });

/** Creates and locks a folder. If `open` fails, everything is closed. */
function openLocked<Opened>(
  options: Pick<StorageOptions, 'folder' | 'hostName'>,
  open: (folder: string, closers: (() => void)[], close: () => void) => Opened,
): Opened {
  const folder = resolve(options.folder);
  const closers: (() => void)[] = [];
  const close = () => {
    closeAll(closers.splice(0).reverse());
  };
  try {
    const ownFolder = join(folder, options.hostName);
    mkdirSync(ownFolder, { recursive: true });
    closers.push(lockFolder(ownFolder));
    return open(ownFolder, closers, close);
  } catch (error) {
    close();
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof DataFolderError || code === undefined) throw error;
    throw new DataFolderError(`the data folder ${folder} cannot be used: ${message}`);
  }
}

function openHub(
  folder: string,
  { partitions, defaultPartitions, log: hubLog }: StorageOptions,
  closers: (() => void)[],
  close: () => void,
): HubStorage {
  const log = createDataFolderLog(folder, hubLog);
  const partitionFolder = (id: string) => join(folder, `${PARTITION_PREFIX}${id}`);
  let kept: KeptPartition[] = [];
  const open = (count: number): PartitionLog[] => {
    for (let n = 0; n < count; n++) {
      const id = String(n);
      kept.push(openPartition(partitionFolder(id), id, log));
    }
    return kept.map((partition) => partition.log);
  };
  const closePartitions = () => {
    const before = kept;
    kept = [];
    closeAll(before.map((partition) => () => partition.close()));
  };
  closers.push(closePartitions);
  const journal = openJournal(join(folder, STATE_FILE), log);
  closers.push(() => journal.close());

  const found = journal.read(PROPERTIES_KIND).get('properties');
  // A new hub gets its properties before its partitions.
  if (found === undefined && readdirSync(folder).some((name) => name.startsWith(PARTITION_PREFIX))) {
    throw new DataFolderError(
      `${folder} has messages, but ${STATE_FILE} is missing or empty. ${DAMAGE_ADVICE}`,
    );
  }
  const parsed = hubProperties.safeParse(found);
  if (found !== undefined && !parsed.success) {
    throw new DataFolderError(`the data folder ${folder} belongs to another version of the emulator`);
  }
  const stored = parsed.data;
  if (stored && partitions !== undefined && partitions !== stored.partitions) {
    throw new DataFolderError(
      `the hub in ${folder} has ${stored.partitions} partitions, not ${partitions}: ` +
        'the number of partitions cannot change',
    );
  }
  const properties = stored ?? {
    format: FORMAT,
    partitions: partitions ?? defaultPartitions,
    createdAt: Date.now(),
  };
  if (!stored) journal.write([PROPERTIES_KEY, properties]);
  return {
    journal,
    createdAt: properties.createdAt,
    partitions: open(properties.partitions),
    recreate(count, createdAt) {
      const before = kept.length;
      closePartitions();
      for (let n = before - 1; n >= 0; n--) {
        rmSync(partitionFolder(String(n)), { recursive: true, force: true });
      }
      journal.write([PROPERTIES_KEY, { format: FORMAT, partitions: count, createdAt }]);
      return open(count);
    },
    close,
  };
}
