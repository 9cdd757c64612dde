/** The exit codes of the commands. */

import { QueryError, diagnostic } from './query';

/** The query is wrong, or stopped on an event. */
export const EXIT_QUERY = 1;
/** A test case failed. */
export const EXIT_FAILED_TEST = 1;
/** The command is wrong: a flag, or a file that cannot be read or written. */
export const EXIT_USAGE = 2;

/** Reports an error of the query with its place. @throws any other error */
export async function reportingQuery(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    console.error(diagnostic(file, error));
    process.exitCode = EXIT_QUERY;
  }
}
