/** A connection for reading beside the query, which ends only after its reads. */

import type { DuckDBConnection } from '@duckdb/node-api';

export interface Reads {
  connection: DuckDBConnection;
  /** resolves when no read is running; further reads are rejected */
  end: () => Promise<void>;
}

/**
 * Counts the reads by `runAndReadAll`, because DuckDB blocks the process for good if a connection is closed while it
 * runs a query.
 */
export function countReads(connection: DuckDBConnection): Reads {
  const running = new Set<Promise<unknown>>();
  let ended = false;
  const read = connection.runAndReadAll.bind(connection);
  connection.runAndReadAll = async (...query) => {
    if (ended) throw new Error('the job has ended');
    const result = read(...query);
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  };
  return {
    connection,
    end: async () => {
      ended = true;
      await Promise.allSettled(running);
    },
  };
}
