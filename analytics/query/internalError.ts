/** Says what an error of the database means. DuckDB's own texts contain SQL, values of events and generated names. */

import { debuglog } from 'node:util';

/** How a user sees the details. They go to standard error. */
const DETAILS = 'set NODE_DEBUG=asa to log the details';
const debug = debuglog('asa');

/** DuckDB's texts begin with their kind, those of its Node.js package with what failed. */
const KIND = /^([A-Z][A-Za-z ]*) Error: |^Failed to [a-z_ ]+(?::|$)/;

/** What a user can do something about, by DuckDB's kind. */
const MEANINGS: readonly (readonly [kind: RegExp, meaning: string])[] = [
  [/^Out of Memory Error/, 'the query needs more memory than the runner may use'],
  [/^IO Error.*Conflicting lock/s, 'another process uses the file of the job'],
  [/^IO Error.*No space left/is, 'no space is left on the device'],
  [/^IO Error/, 'a file cannot be read or written'],
];

/** DuckDB's kind of an error, such as `Binder`; undefined for an error that is not DuckDB's. */
export const databaseErrorKind = (error: unknown): string | undefined =>
  error instanceof Error ? kindIn(error.message) : undefined;

function kindIn(text: string): string | undefined {
  const found = KIND.exec(text);
  return found ? (found[1] ?? 'Package') : undefined;
}

/** What an error of the database or of our own code means. Its details are logged for debugging. */
export function internalMeaning(error: unknown): string {
  debug('%s', error instanceof Error ? (error.stack ?? error.message) : error);
  const text = error instanceof Error ? error.message : '';
  return MEANINGS.find(([kind]) => kind.test(text))?.[1] ?? `an internal error of the runner (${DETAILS})`;
}

/** The text of any error, as a user may see it. */
export function textOf(error: unknown): string {
  const isFault = error instanceof TypeError || error instanceof RangeError || !(error instanceof Error);
  return isFault || databaseErrorKind(error) !== undefined ? internalMeaning(error) : error.message;
}
