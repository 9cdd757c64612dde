/** Looks through a file for what needs a look at each of its lines. */

import { open } from 'node:fs/promises';
import type { Suspicions } from './batchSql';
import { mayBeLoose } from './looseJson';

/** An integer outside bigint has at least as many digits. */
const LONG_DIGITS = 19;
const CHUNK_BYTES = 1_048_576;

/** So many bytes are looked at again with the next ones. More white space between two tokens is not looked through. */
const SEAM_BYTES = 64;

/** Whether a file has 19 digits in a row, or what only looks like JSON, each perhaps within a text. */
export async function suspicionsOf(file: string): Promise<Suspicions> {
  const found: Suspicions = { oversized: false, loose: false };
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafe(SEAM_BYTES + CHUNK_BYTES);
    /** how many bytes before are still in the buffer: a number may begin there */
    let before = 0;
    while (!found.oversized || !found.loose) {
      const { bytesRead } = await handle.read(buffer, before, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      const end = before + bytesRead;
      found.oversized ||= hasLongNumber(buffer.subarray(0, end));
      found.loose ||= mayBeLoose(buffer.toString('latin1', 0, end));
      before = Math.min(SEAM_BYTES, end);
      buffer.copyWithin(0, end - before, end);
    }
    return found;
  } finally {
    await handle.close();
  }
}

/** It looks only at every 19th byte, and at more where that is a digit. */
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
