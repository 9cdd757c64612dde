/** Stops a job at a place in the query, because of a value. Expressions raise errors only by these functions. */

import type { Call, Position } from './ast';
import { SQL_TYPES, type Type, quote } from './types';

/** SQL that raises an error with its place. {@link raisedInQuery} reads it. @param failure begins with what failed */
export const failAt = (at: Position, failure: string, type: Type): string =>
  `CAST(error(${quote(`${at.line}:${at.column}: ${failure}`)}) AS ${SQL_TYPES[type]})`;

/** The same for a function that rejects its arguments. */
export const failCall = ({ name, at }: Call, reason: string, type: Type): string =>
  failAt(at, `the function ${name} failed: ${reason}, so the job stops`, type);
