/** Reads and compares rows. */

import { isDeepStrictEqual } from 'node:util';
import { ProjectError, readProjectText } from './projectFiles';

type Row = Readonly<Record<string, unknown>>;

/** So many differing rows of an output are told. */
const MAX_TOLD_ROWS = 5;

/** Rows of a file: a JSON array, objects one a line, or objects one after another. @throws {ProjectError} naming the file */
export function readRows(file: string): Row[] {
  const text = readProjectText(file).trim();
  if (text === '') return [];
  const parsed = parseRows(text);
  if (!parsed?.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row)))
    throw new ProjectError(`${file} is neither a JSON array of objects nor an object on each line`);
  return parsed as Row[];
}

function parseRows(text: string): unknown[] | undefined {
  // JSON's texts have no line breaks, so that '}' and '{' on two lines meet only between rows.
  for (const json of [text, `[${text.replaceAll(/\}\s*\n\s*\{/g, '},{')}]`])
    try {
      const value: unknown = JSON.parse(json);
      return Array.isArray(value) ? (value as unknown[]) : [value];
    } catch {
      // another form
    }
  return undefined;
}

/**
 * Compares two sets of rows. The order of rows and of fields does not count; a missing field is null.
 *
 * @returns what differs, a line for each row; nothing when the rows are equal
 */
export function differs(
  expected: readonly Row[],
  actual: readonly Row[],
  ignored: readonly string[],
): string[] {
  const skipped = new Set(ignored.map((field) => field.toLowerCase()));
  const relevant = (row: Row): Row =>
    Object.fromEntries(
      Object.entries(row).filter(([field, value]) => value !== null && !skipped.has(field.toLowerCase())),
    );
  const left = actual.map(relevant);
  const missing: Row[] = [];
  for (const row of expected.map(relevant)) {
    const found = left.findIndex((one) => isDeepStrictEqual(one, row));
    if (found === -1) missing.push(row);
    else left.splice(found, 1);
  }
  const tell = (rows: readonly Row[], what: string): string[] => [
    ...rows.slice(0, MAX_TOLD_ROWS).map((row) => `${what} ${JSON.stringify(row)}`),
    ...(rows.length > MAX_TOLD_ROWS ? [`${what} ${rows.length - MAX_TOLD_ROWS} more rows`] : []),
  ];
  return [...tell(missing, 'expected'), ...tell(left, 'unexpected')];
}
