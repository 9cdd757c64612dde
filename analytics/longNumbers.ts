/** Looks for long numbers in a file. */

import { createReadStream } from 'node:fs';

/** An integer outside bigint has at least as many digits. */
const LONG_DIGITS = 19;
const CHUNK_BYTES = 1_048_576;

/** Whether a file holds 19 digits in a row, be it in a number or in a text. It reads only every 19th byte. */
export async function holdsLongNumber(file: string): Promise<boolean> {
  let before: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    const bytes = chunk as Buffer;
    const seam = Buffer.concat([before, bytes.subarray(0, LONG_DIGITS)]);
    if (hasLongNumber(seam) || hasLongNumber(bytes)) return true;
    before = Buffer.from((bytes.length < LONG_DIGITS ? seam : bytes).subarray(-LONG_DIGITS));
  }
  return false;
}

function hasLongNumber(bytes: Buffer): boolean {
  for (let at = LONG_DIGITS - 1; at < bytes.length;) {
    if (!isDigit(bytes[at])) {
      at += LONG_DIGITS;
      continue;
    }
    let start = at;
    while (start > 0 && isDigit(bytes[start - 1])) start -= 1;
    let end = at + 1;
    while (isDigit(bytes[end])) end += 1;
    if (end - start >= LONG_DIGITS) return true;
    at = end + LONG_DIGITS - 1;
  }
  return false;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
