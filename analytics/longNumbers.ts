/** Looks for long numbers in a file. */

import { open } from 'node:fs/promises';

/** An integer outside bigint has at least as many digits. */
const LONG_DIGITS = 19;
const CHUNK_BYTES = 1_048_576;

/** Whether a file holds 19 digits in a row, be it in a number or in a text. It looks only at every 19th byte. */
export async function holdsLongNumber(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafe(LONG_DIGITS + CHUNK_BYTES);
    /** how many bytes before are still in the buffer: a number may begin there */
    let before = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, before, CHUNK_BYTES, null);
      if (bytesRead === 0) return false;
      const end = before + bytesRead;
      if (hasLongNumber(buffer.subarray(0, end))) return true;
      before = Math.min(LONG_DIGITS, end);
      buffer.copyWithin(0, end - before, end);
    }
  } finally {
    await handle.close();
  }
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
