/** Opens the database in which a query runs on whole files, with bounded memory. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from './database';

export interface BoundedDatabase extends Database {
  /**
   * Runs a statement again with more memory if DuckDB needs to hold more than it may.
   *
   * @param work has no effect if it fails
   */
  bounded: <T>(work: () => Promise<T>) => Promise<T>;
  /** Closes the database, and removes its temporary files. */
  close: () => Promise<void>;
}

/**
 * How much DuckDB may hold in memory. It writes further rows to temporary files, except those of a few operators: an
 * aggregate such as Collect() holds all its values. So a statement that needs more gets the next limit.
 */
const MEMORY_LIMITS = ['128MB', '512MB', '2GB'];

/** Opens an empty database with Stream Analytics' functions and a folder of its own for temporary files. */
export async function openBoundedDatabase(): Promise<BoundedDatabase> {
  const [first = '', ...more] = MEMORY_LIMITS;
  // Two databases must not share the folder, because DuckDB uses the same names of files in each.
  const folder = await mkdtemp(join(tmpdir(), 'asa-memory-'));
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const { instance, connection } = await openDatabase({
    memory_limit: first,
    temp_directory: folder,
  }).catch(async (error: unknown) => {
    await removeFolder();
    throw error;
  });
  const bounded = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;)
      try {
        return await work();
      } catch (error) {
        const limit = isOutOfMemory(error) ? more.shift() : undefined;
        if (limit === undefined) throw error;
        await connection.run(`SET memory_limit = '${limit}'`);
      }
  };
  return {
    instance,
    connection,
    bounded,
    close: async () => {
      connection.closeSync();
      instance.closeSync();
      await removeFolder();
    },
  };
}

const isOutOfMemory = (error: unknown): boolean => (error as Error).message.startsWith('Out of Memory Error');
