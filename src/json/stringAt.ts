/** Decodes a JSON string from bytes. */

const BACKSLASH = 0x5c;

/** Returns the text of the JSON string whose quotes are at `start` and before `end`. */
export function stringAt(bytes: Buffer, start: number, end: number): string {
  const isEscaped = bytes.subarray(start, end).includes(BACKSLASH);
  return isEscaped
    ? (JSON.parse(bytes.toString('utf8', start, end)) as string)
    : bytes.toString('utf8', start + 1, end - 1);
}
