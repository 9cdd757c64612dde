import { crc32 } from 'node:zlib';
import { Problem } from '../../errorCodes';

/** The position in a partition: the last message that was read, or that expired before the first read. */
export interface Position {
  /** Event Hubs sequence number, contiguous from 0; -1 before the first message, or if only the offset is known */
  sequenceNumber: number;
  /** Event Hubs offset: a number, or opaque text on geo-replicated hubs; `-1` if unknown */
  offset: string;
}

/** The content of `next_offset`: a position for each partition that was polled. */
export interface Cursor {
  /** identifies the hub: another or a recreated hub has another tag (32 bits) */
  hubTag: number;
  /**
   * Positions by partition id, in the order in which the partitions get a share of the limit. A partition that the
   * cursor does not contain is read from its beginning.
   */
  positions: ReadonlyMap<string, Position>;
}

/** The parsed value of `after_offset`. */
export type StartPosition =
  | { kind: 'beginning' }
  /** after the newest message at the time of the poll */
  | { kind: 'latest' }
  /** a plain Event Hubs offset, applied to each partition */
  | { kind: 'offset'; offset: bigint }
  | { kind: 'cursor'; cursor: Cursor };

const VERSION = 2;
const CHECKSUM_BYTES = 4;
/** Size of the header in bytes: version, hub tag, length of the partition set, widths. */
const HEADER_BYTES = 1 + 4 + 1 + 1;
/** Event Hubs: at most 1,024 partitions on a dedicated cluster, 32 elsewhere (event-hubs-quotas). */
const MAX_PARTITIONS = 1_024;
const MAX_CURSOR_CHARACTERS = 32_768;
/** Event Hubs' own names for the two ends of a partition. */
const BEGINNING = '-1';
const LATEST = '@latest';
const MAX_OFFSET = 2n ** 63n - 1n;
/** The offset of a position whose offset is unknown. The service returns it for an empty partition. */
export const NO_OFFSET = '-1';
/**
 * Stands in place of the width of offsets if at least one offset is not a number. All offsets are then length-prefixed
 * text.
 */
const TEXT_OFFSETS = 15;

/**
 * Reads `after_offset`.
 *
 * @throws {Problem} `invalid_cursor` with the reason
 */
export function parseAfterOffset(text: string | null): StartPosition {
  if (text === null || text === '' || text === BEGINNING) return { kind: 'beginning' };
  if (text === LATEST) return { kind: 'latest' };
  if (/^\d+$/.test(text)) {
    if (text.length > 19 || BigInt(text) > MAX_OFFSET) throw malformed('a plain offset has at most 63 bits');
    return BigInt(text) === 0n ? { kind: 'beginning' } : { kind: 'offset', offset: BigInt(text) };
  }
  return { kind: 'cursor', cursor: decodeCursor(text) };
}

/**
 * The cursor as URL-safe text: 32 partitions with 63-bit offsets fit in 600 characters. All entries share their
 * widths, because the numbers of one hub have similar magnitudes. Values are stored plus one, because the smallest
 * is -1.
 */
export function encodeCursor({ hubTag, positions }: Cursor): string {
  const turns = [...positions.keys()].map(partitionNumber);
  const entries = [...positions]
    .map(([id, position]) => ({ number: partitionNumber(id), ...position }))
    .sort((a, b) => a.number - b.number);
  const set = Buffer.alloc(Math.ceil(((entries.at(-1)?.number ?? -1) + 1) / 8));
  for (const { number } of entries) set[number >> 3] = (set[number >> 3] ?? 0) | (1 << (number & 7));

  const asNumbers = entries.every(({ offset }) => offset === NO_OFFSET || isPlainOffset(offset));
  const sequenceWidth = widest(entries.map(({ sequenceNumber }) => BigInt(sequenceNumber) + 1n));
  const offsetWidth = asNumbers ? widest(entries.map(({ offset }) => BigInt(offset) + 1n)) : TEXT_OFFSETS;

  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt32BE(hubTag, 1);
  header.writeUInt8(set.length, 5);
  header.writeUInt8((sequenceWidth << 4) | offsetWidth, 6);
  const body = Buffer.concat([
    header,
    set,
    bigEndian(rankOf(turns), rankWidth(turns.length)),
    ...entries.flatMap(({ sequenceNumber, offset }) => [
      bigEndian(BigInt(sequenceNumber) + 1n, sequenceWidth),
      asNumbers ? bigEndian(BigInt(offset) + 1n, offsetWidth) : lengthPrefixed(offset),
    ]),
  ]);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, checksum]).toString('base64url');
}

/**
 * @throws {Problem} `invalid_cursor` for any text that {@link encodeCursor} did not produce. The checksum and the
 * canonical form detect truncated, altered and invented cursors.
 */
export function decodeCursor(text: string): Cursor {
  if (text.length > MAX_CURSOR_CHARACTERS) throw malformed('it is too long');
  if (!/^[\w-]+$/.test(text)) throw malformed('it has characters that no cursor has');
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES)
    throw malformed('it is neither an offset nor as long as a cursor');
  if (bytes.readUInt8(0) !== VERSION) throw malformed('its version is not one that this app reads');
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (crc32(body) !== bytes.readUInt32BE(body.length)) throw malformed('its checksum does not match');

  const cursor = decodeBody(body);
  if (encodeCursor(cursor) !== text) throw malformed('it is not in canonical form');
  return cursor;
}

function decodeBody(body: Buffer): Cursor {
  const set = body.subarray(HEADER_BYTES, HEADER_BYTES + body.readUInt8(5));
  const numbers = Array.from({ length: set.length * 8 }, (_, number) => number).filter(
    (number) => ((set[number >> 3] ?? 0) & (1 << (number & 7))) !== 0,
  );
  if ((numbers.at(-1) ?? 0) >= MAX_PARTITIONS) throw malformed('it names a partition that no hub has');
  const widths = body.readUInt8(6);
  const read = reader(body, HEADER_BYTES + set.length);
  const rank = read.number(rankWidth(numbers.length));
  const positions = new Map(
    numbers.map((number): [number, Position] => {
      const sequenceNumber = Number(read.number(widths >> 4) - 1n);
      if (!Number.isSafeInteger(sequenceNumber)) throw malformed('a sequence number is out of range');
      const inText = (widths & 15) === TEXT_OFFSETS;
      return [
        number,
        { sequenceNumber, offset: inText ? read.text() : String(read.number(widths & 15) - 1n) },
      ];
    }),
  );
  const inTurn = orderOf(rank, numbers).flatMap((number): [string, Position][] => {
    const position = positions.get(number);
    return position ? [[String(number), position]] : [];
  });
  return { hubTag: body.readUInt32BE(1), positions: new Map(inTurn) };
}

/** The rank of a permutation among all permutations (Lehmer code): 15 bytes for 32 numbers. */
function rankOf(order: readonly number[]): bigint {
  const rest = [...order].sort((a, b) => a - b);
  return order.reduce((rank, number) => {
    const base = rest.length;
    const place = rest.indexOf(number);
    rest.splice(place, 1);
    return rank * BigInt(base) + BigInt(place);
  }, 0n);
}

/** The permutation with this rank. @param numbers in ascending order */
function orderOf(rank: bigint, numbers: readonly number[]): number[] {
  const places: number[] = [];
  for (let left = rank, base = 1n; base <= numbers.length; left /= base, base += 1n) {
    places.unshift(Number(left % base));
  }
  const rest = [...numbers];
  return places.flatMap((place) => rest.splice(place, 1));
}

function rankWidth(length: number): number {
  let orders = 1n;
  for (let number = 2n; number <= length; number += 1n) orders *= number;
  return widest([orders - 1n]);
}

/** Whether an offset is a number of at most 63 bits in canonical form. */
export function isPlainOffset(offset: string): boolean {
  return /^(?:0|[1-9]\d{0,18})$/.test(offset) && BigInt(offset) <= MAX_OFFSET;
}

/** The number of a partition. Event Hubs numbers partitions from 0 and uses the number as id. */
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
  };
}

function malformed(why: string): Problem {
  return new Problem('invalid_cursor', `after_offset is not a cursor of this feed: ${why}.`);
}
