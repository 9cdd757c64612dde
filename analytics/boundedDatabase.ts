/** Opens the database in which a query runs on whole files, with bounded memory. */

import { type Database, openDatabase } from './database';
import { UsageError } from './fileAccess';
import { makeTemporaryFolder, removeTemporaryFolder, temporaryFolderFull } from './temporaryFolders';

export interface BoundedDatabase extends Database {
  /**
   * Runs a statement again with more memory if DuckDB needs to hold more than it may.
   *
   * @param work has no effect if it fails
   * @throws {UsageError} if the temporary files have no space left, or the last limit is too low
   */
  bounded: <T>(work: () => Promise<T>) => Promise<T>;
  /** Closes the database, and removes its temporary files. */
  close: () => Promise<void>;
}

/**
 * Opens an empty database with Stream Analytics' functions and a folder of its own for temporary files.
 *
 * @param limits in ascending order, as {@link memoryLimits} returns them
 */
export async function openBoundedDatabase(limits: readonly string[]): Promise<BoundedDatabase> {
  const [first = '', ...more] = limits;
  // Two databases must not share the folder, because DuckDB uses the same names of files in each.
  const folder = makeTemporaryFolder('asa-memory-');
  const { instance, connection } = await openDatabase({
    memory_limit: first,
    temp_directory: folder,
  }).catch(async (error: unknown) => {
    await removeTemporaryFolder(folder);
    throw error;
  });
  const bounded = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;)
      try {
        return await work();
      } catch (error) {
        if (isTemporaryFolderFull(error, folder)) throw temporaryFolderFull();
        if (!isOutOfMemory(error)) throw error;
        const limit = more.shift();
        if (limit === undefined)
          throw new UsageError(
            `the query needs more memory than ${limits.at(-1) ?? 'there is'}: --memory sets how much it may use`,
          );
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
      await removeTemporaryFolder(folder);
    },
  };
}

const isOutOfMemory = (error: unknown): boolean => (error as Error).message.startsWith('Out of Memory Error');

/** By default, DuckDB's temporary files may fill 90% of the space that is free. */
const isTemporaryFolderFull = (error: unknown, folder: string): boolean => {
  const { message } = error as Error;
  return (
    (isOutOfMemory(error) && message.includes("'max_temp_directory_size'")) ||
    (message.startsWith('IO Error') && message.includes(folder))
  );
};
