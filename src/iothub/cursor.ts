import { crc32 } from 'node:zlib';
import { Problem } from '../problems';

/** Where a reader stands in one partition: the last message it has. */
export interface Position {
  /** Event Hubs sequence number: contiguous within a partition, from 0 */
  sequenceNumber: number;
  /** Event Hubs offset as the service gives it: a number, or an opaque text on geo-replicated hubs */
  offset: string;
}

/** What `next_offset` holds: a position for each partition that has been read. */
export interface Cursor {
  /** names this very hub: another one, or the same one recreated, has another tag (32 bits) */
  hubTag: number;
  /** the number of the partition that is first in turn for the next share of a limit */
  turn: number;
  /** by partition id; a partition that is not named is read from its beginning */
  positions: ReadonlyMap<string, Position>;
}

/** What a caller passes as `after_offset`. */
export type After =
  | { kind: 'beginning' }
  /** the original's plain offset, which applies to each partition */
  | { kind: 'offset'; offset: bigint }
  | { kind: 'cursor'; cursor: Cursor };

const VERSION = 1;
const CHECKSUM_BYTES = 4;
/** version, hub tag, turn, length of the partition set, widths */
const HEADER_BYTES = 1 + 4 + 2 + 1 + 1;
/** Event Hubs: at most 1,024 partitions on a dedicated cluster, 32 elsewhere (event-hubs-quotas). */
const MAX_PARTITIONS = 1_024;
const MAX_CURSOR_CHARACTERS = 32_768;
const MAX_OFFSET = 2n ** 63n - 1n;
/** Stands in the width of offsets when one of them is no number: then each is a text with its length before it. */
const TEXT_OFFSETS = 15;

/**
 * Reads `after_offset`.
 *
 * @throws {Problem} `invalid_cursor`, saying why
 */
export function parseAfterOffset(text: string | null): After {
  if (text === null || text === '' || text === '0') return { kind: 'beginning' };
  if (/^\d+$/.test(text)) {
    if (text.length > 19 || BigInt(text) > MAX_OFFSET) throw malformed('a plain offset has at most 63 bits');
    return BigInt(text) === 0n ? { kind: 'beginning' } : { kind: 'offset', offset: BigInt(text) };
  }
  return { kind: 'cursor', cursor: decodeCursor(text) };
}

/**
 * The cursor as URL-safe text: 32 partitions with 63-bit offsets fit in 600 characters. Widths are shared by all
 * entries, since neighbours in one hub differ little in magnitude.
 */
export function encodeCursor({ hubTag, turn, positions }: Cursor): string {
  const entries = [...positions]
    .map(([id, position]) => ({ number: partitionNumber(id), ...position }))
    .sort((a, b) => a.number - b.number);
  const set = Buffer.alloc(Math.ceil(((entries.at(-1)?.number ?? -1) + 1) / 8));
  for (const { number } of entries) set[number >> 3] = (set[number >> 3] ?? 0) | (1 << (number & 7));

  const asNumbers = entries.every(({ offset }) => isPlainOffset(offset));
  const sequenceWidth = widest(entries.map(({ sequenceNumber }) => BigInt(sequenceNumber)));
  const offsetWidth = asNumbers ? widest(entries.map(({ offset }) => BigInt(offset))) : TEXT_OFFSETS;

  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt32BE(hubTag, 1);
  header.writeUInt16BE(turn, 5);
  header.writeUInt8(set.length, 7);
  header.writeUInt8((sequenceWidth << 4) | offsetWidth, 8);
  const body = Buffer.concat([
    header,
    set,
    ...entries.flatMap(({ sequenceNumber, offset }) => [
      bigEndian(BigInt(sequenceNumber), sequenceWidth),
      asNumbers ? bigEndian(BigInt(offset), offsetWidth) : lengthPrefixed(offset),
    ]),
  ]);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, checksum]).toString('base64url');
}

/**
 * @throws {Problem} `invalid_cursor` for any text that {@link encodeCursor} has not made: the checksum and the
 * canonical form catch what was cut, flipped or typed
 */
export function decodeCursor(text: string): Cursor {
  if (text.length > MAX_CURSOR_CHARACTERS) throw malformed('it is too long');
  if (!/^[\w-]+$/.test(text)) throw malformed('it has characters that no cursor has');
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw malformed('it is not in canonical form');
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES) throw malformed('it is cut short');
  if (bytes.readUInt8(0) !== VERSION) throw malformed('its version is not one that this app reads');
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (crc32(body) !== bytes.readUInt32BE(body.length)) throw malformed('its checksum does not match');

  const set = body.subarray(HEADER_BYTES, HEADER_BYTES + body.readUInt8(7));
  const widths = body.readUInt8(8);
  const read = reader(body, HEADER_BYTES + body.readUInt8(7));
  const positions = new Map<string, Position>();
  for (let number = 0; number < set.length * 8; number += 1) {
    if (((set[number >> 3] ?? 0) & (1 << (number & 7))) === 0) continue;
    const sequenceNumber = Number(read.number(widths >> 4));
    if (!Number.isSafeInteger(sequenceNumber)) throw malformed('a sequence number is out of range');
    const offset = (widths & 15) === TEXT_OFFSETS ? read.text() : String(read.number(widths & 15));
    positions.set(String(number), { sequenceNumber, offset });
  }
  if (!read.atEnd()) throw malformed('it is too long for what it names');
  return { hubTag: body.readUInt32BE(1), turn: body.readUInt16BE(5), positions };
}

/** Whether an offset is a number within 63 bits, in the one way of writing it. */
export function isPlainOffset(offset: string): boolean {
  return /^(?:0|[1-9]\d{0,18})$/.test(offset) && BigInt(offset) <= MAX_OFFSET;
}

/** Event Hubs numbers its partitions from 0 and uses the number as their id. */
export function partitionNumber(id: string): number {
  const number = Number(id);
  if (!/^\d+$/.test(id) || number >= MAX_PARTITIONS)
    throw new RangeError(`Partition id '${id}' is not a number below 1024`);
  return number;
}

function widest(values: readonly bigint[]): number {
  const largest = values.reduce((a, b) => (b > a ? b : a), 0n);
  return Math.ceil(largest.toString(2).length / 8);
}

function bigEndian(value: bigint, width: number): Buffer {
  return Buffer.from(value.toString(16).padStart(width * 2, '0'), 'hex');
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function reader(bytes: Buffer, from: number) {
  let at = from;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw malformed('it is cut short');
    at += length;
    return bytes.subarray(at - length, at);
  };
  return {
    number: (width: number): bigint => BigInt(`0x${take(width).toString('hex') || '0'}`),
    text: (): string => take(take(2).readUInt16BE()).toString('utf8'),
    atEnd: (): boolean => at === bytes.length,
  };
}

function malformed(why: string): Problem {
  return new Problem('invalid_cursor', `after_offset is not a cursor of this feed: ${why}.`);
}
