import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cursor, decodeCursor, encodeCursor, parseAfterOffset } from '../../../src/iothub/feed/cursor';
import { Problem } from '../../../src/errorCodes';

const partitionId = fc.integer({ min: 0, max: 1_023 }).map(String);
const offset = fc.oneof(
  fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }).map(String), // -1: not known
  fc.string({ maxLength: 40 }), // geo-replicated hubs have opaque offsets
);
const position = fc.record({
  sequenceNumber: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
  offset,
});
const cursor: fc.Arbitrary<Cursor> = fc.record({
  hubTag: fc.nat({ max: 2 ** 32 - 1 }),
  positions: fc.array(fc.tuple(partitionId, position), { maxLength: 40 }).map((entries) => new Map(entries)),
});

/** @param rest length of the set of partitions, widths of numbers and offsets, set, order, values */
function crafted(rest: readonly number[]): string {
  const body = Buffer.from([2, 0, 0, 0, 1, ...rest]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, checksum]).toString('base64url');
}

/** As a list, for the order counts. */
const listed = ({ positions, ...rest }: Cursor) => ({ ...rest, positions: [...positions] });

function refusalOf(text: string): Problem {
  try {
    parseAfterOffset(text);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('the cursor', () => {
  test('is read back as it was written, and is safe in a URL', () => {
    fc.assert(
      fc.property(cursor, (original) => {
        const text = encodeCursor(original);
        expect(encodeURIComponent(text)).toBe(text);
        expect(listed(decodeCursor(text))).toEqual(listed(original));
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes at most 600 characters for 32 partitions with 63-bit offsets', () => {
    const positions = new Map(
      Array.from({ length: 32 }, (_, i) => [
        String(i),
        { sequenceNumber: 2 ** 40 - 2 - i, offset: String(2n ** 63n - 1n - BigInt(i)) },
      ]),
    );
    expect(
      encodeCursor({ hubTag: 2 ** 32 - 1, positions: new Map([...positions].reverse()) }).length,
    ).toBeLessThanOrEqual(600);
  });

  test('is refused when a character was changed, cut or added', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    fc.assert(
      fc.property(
        cursor,
        fc.nat(),
        fc.integer({ min: 1, max: 63 }),
        fc.nat({ max: 2 }),
        (original, at, shift, how) => {
          const text = encodeCursor(original);
          const i = at % text.length;
          const other = alphabet.charAt((alphabet.indexOf(text.charAt(i)) + shift) % 64);
          const damaged =
            how === 0
              ? text.slice(0, i) + other + text.slice(i + 1)
              : how === 1
                ? text.slice(0, i) + text.slice(i + 1)
                : text.slice(0, i) + other + text.slice(i);
          fc.pre(damaged !== text && !/^\d*$/.test(damaged));
          expect(refusalOf(damaged).code).toBe('invalid_cursor');
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('is refused with any one bit flipped, and cut at any length', () => {
    const positions = new Map([0, 1, 7].map((id) => [String(id), { sequenceNumber: id, offset: '584' }]));
    const text = encodeCursor({ hubTag: 7, positions });
    const bytes = Buffer.from(text, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(refusalOf(flipped.toString('base64url')).code).toBe('invalid_cursor');
    }
    for (let length = 1; length < text.length; length += 1) {
      expect(refusalOf(text.slice(0, length)).code).toBe('invalid_cursor');
    }
  });

  test('is refused for any other text, with a reason and nothing worse', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (text) => {
        fc.pre(!/^\d+$/.test(text));
        expect(refusalOf(text).message).toMatch(/^after_offset is not a cursor of this feed: /);
      }),
      { numRuns: 2_000 },
    );
    expect(refusalOf('abc').message).toContain('it is neither an offset nor as long as a cursor');
    expect(refusalOf('A'.repeat(1_000_000)).code).toBe('invalid_cursor');
  });

  test.each<[string, number[], string]>([
    ['a set of partitions longer than the cursor', [255, 0x11, 1, 0, 1, 1], 'cut short'],
    ['a set with an empty end', [2, 0x11, 1, 0, 0, 1, 1], 'canonical'],
    ['a partition beyond all there can be', [200, 0x00, ...Array<number>(199).fill(0), 1], 'no hub has'],
    ['numbers wider than they need be', [1, 0x21, 1, 0, 0, 1, 1], 'canonical'],
    ['a sequence number beyond 2^53', [1, 0x81, 1, 0, ...Array<number>(8).fill(255), 1], 'out of range'],
    ['an offset beyond 63 bits', [1, 0x1e, 1, 0, 1, ...Array<number>(14).fill(255)], 'canonical'],
    ['an order that there is not', [1, 0x11, 3, 9, 1, 1, 1, 1], 'canonical'],
    ['offsets missing', [1, 0x18, 1, 0, 1], 'cut short'],
    ['text longer than the cursor', [1, 0x1f, 1, 0, 1, 255, 255, 65], 'cut short'],
    ['text that is not UTF-8', [1, 0x1f, 1, 0, 1, 0, 1, 255], 'canonical'],
    ['numbers as text', [1, 0x1f, 1, 0, 1, 0, 1, 0x35], 'canonical'],
    ['more than it names', [1, 0x11, 1, 0, 1, 1, 1, 1], 'canonical'],
  ])('crafted with a right checksum and %s is refused', (_, rest, reason) => {
    expect(refusalOf(crafted(rest)).message).toContain(reason);
  });

  test('crafted as the app would have made it is read', () => {
    expect([...decodeCursor(crafted([1, 0x11, 3, 1, 6, 7, 8, 9])).positions]).toEqual([
      ['1', { sequenceNumber: 7, offset: '8' }],
      ['0', { sequenceNumber: 5, offset: '6' }],
    ]);
  });

  test('of another version is refused by its version', () => {
    const bytes = Buffer.from(encodeCursor({ hubTag: 1, positions: new Map() }), 'base64url');
    bytes.writeUInt8(1, 0);
    expect(refusalOf(bytes.toString('base64url')).message).toContain('version');
  });
});

describe('after_offset', () => {
  test.each([[null], [''], ['0'], ['000'], ['-1']])('%j means from the beginning', (text) => {
    expect(parseAfterOffset(text)).toEqual({ kind: 'beginning' });
  });

  test('as @latest means from now on', () => {
    expect(parseAfterOffset('@latest')).toEqual({ kind: 'latest' });
  });

  test('as a plain number is the offset of the original', () => {
    expect(parseAfterOffset('336')).toEqual({ kind: 'offset', offset: 336n });
    expect(parseAfterOffset('9223372036854775807')).toEqual({ kind: 'offset', offset: 2n ** 63n - 1n });
  });

  test.each(['-2', '1e9', '9223372036854775808', '1'.repeat(100), '12.5', '@earliest'])(
    '%s is refused',
    (text) => {
      expect(refusalOf(text).code).toBe('invalid_cursor');
    },
  );
});
