/** Searches a file for text that requires a check of each line. */

import { open } from 'node:fs/promises';
import type { Suspicions } from './batchSql';
import { bytesMayBeLoose } from './looseJson';
import { NEEDED_NAMES } from './query';

/** What a file may contain. */
export interface Findings extends Pick<Suspicions, 'oversized' | 'loose'> {
  /** names of the metadata that each query reads, as they are usually written or with escapes */
  hasMetadata: boolean;
}

/** An integer outside bigint has at least as many digits. */
const LONG_DIGITS = 19;
const CHUNK_BYTES = 1_048_576;

/** So many bytes are looked at again with the next ones. White space that goes on beyond them is suspicious after a comma. */
const SEAM_BYTES = 64;

/** Whether a file may have numbers of 19 digits, what only looks like JSON, and names of metadata: each may be within a text. */
export async function suspicionsOf(file: string): Promise<Findings> {
  const found: Findings = { oversized: false, loose: false, hasMetadata: false };
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafe(SEAM_BYTES + CHUNK_BYTES);
    /** how many bytes before are still in the buffer: a number may begin there */
    let before = 0;
    while (!found.oversized || !found.loose || !found.hasMetadata) {
      const { bytesRead } = await handle.read(buffer, before, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      const end = before + bytesRead;
      const bytes = buffer.subarray(0, end);
      found.oversized ||= hasLongNumber(bytes);
      found.loose ||= bytesMayBeLoose(bytes);
      found.hasMetadata ||= METADATA.some((text) => bytes.includes(text, 0, 'latin1'));
      before = Math.min(SEAM_BYTES, end);
      found.loose ||= endsWithSpaceAfterComma(buffer, end, before);
      buffer.copyWithin(0, end - before, end);
    }
    return found;
  } finally {
    await handle.close();
  }
}

/** Without quotation marks, which are so frequent that the search would be slower. */
const METADATA: readonly string[] = [...NEEDED_NAMES, '\\u'];

/** Whether there is only white space, from a comma on, at the end of the bytes, and more of it than is looked at again. */
function endsWithSpaceAfterComma(bytes: Buffer, end: number, before: number): boolean {
  let at = end - 1;
  while (at >= 0 && isSpace(bytes[at])) at -= 1;
  return at < end - before && bytes[at] === COMMA;
}

/**
 * Whether a number of so many digits may be there. Those of a text usually follow a quotation mark, as in the ids of SIM
 * cards, and those of a fraction a point. It checks only every 19th byte, and further bytes if this byte is a digit.
 */
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
    // What the bytes begin with was whole among those before, unless it is longer than what is looked at again.
    const isNumber = start === 0 ? end >= SEAM_BYTES : mayPrecedeNumber(bytes[start - 1]);
    if (end - start >= LONG_DIGITS && isNumber) return true;
    at = end + LONG_DIGITS - 1;
  }
  return false;
}

const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const MINUS = 0x2d;
const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const mayPrecedeNumber = (byte: number | undefined): boolean =>
  isSpace(byte) || byte === COLON || byte === COMMA || byte === BRACKET || byte === MINUS;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
