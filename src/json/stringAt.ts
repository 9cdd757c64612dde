/** Decodes a JSON string from bytes. */

const BACKSLASH = 0x5c;

/** The text of a JSON string that stands in quotes from `start` up to `end`. */
export function stringAt(bytes: Buffer, start: number, end: number): string {
  const isEscaped = bytes.subarray(start, end).includes(BACKSLASH);
  return isEscaped
    ? (JSON.parse(bytes.toString('utf8', start, end)) as string)
    : bytes.toString('utf8', start + 1, end - 1);
}
