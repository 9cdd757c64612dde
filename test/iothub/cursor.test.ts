import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cursor, decodeCursor, encodeCursor, parseAfterOffset } from '../../src/iothub/cursor';
import { Problem } from '../../src/problems';

const partitionId = fc.integer({ min: 0, max: 1_023 }).map(String);
const offset = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  fc.string({ maxLength: 40 }), // geo-replicated hubs have opaque offsets
);
const position = fc.record({ sequenceNumber: fc.maxSafeNat(), offset });
const cursor: fc.Arbitrary<Cursor> = fc.record({
  hubTag: fc.nat({ max: 2 ** 32 - 1 }),
  turn: fc.nat({ max: 1_024 }),
  positions: fc.array(fc.tuple(partitionId, position), { maxLength: 40 }).map((entries) => new Map(entries)),
});

const sorted = ({ positions, ...rest }: Cursor) => ({
  ...rest,
  positions: [...positions].sort(([a], [b]) => Number(a) - Number(b)),
});

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
        expect(sorted(decodeCursor(text))).toEqual(sorted(original));
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes at most 600 characters for 32 partitions with 63-bit offsets', () => {
    const positions = new Map(
      Array.from({ length: 32 }, (_, i) => [
        String(i),
        { sequenceNumber: 2 ** 40 - 1 - i, offset: String(2n ** 63n - 1n - BigInt(i)) },
      ]),
    );
    expect(encodeCursor({ hubTag: 2 ** 32 - 1, turn: 31, positions }).length).toBeLessThanOrEqual(600);
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

  test('is refused for any other text, with a reason and nothing worse', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (text) => {
        fc.pre(!/^\d+$/.test(text));
        expect(refusalOf(text).message).toMatch(/^after_offset is not a cursor of this feed: /);
      }),
      { numRuns: 2_000 },
    );
    expect(refusalOf('A'.repeat(1_000_000)).code).toBe('invalid_cursor');
  });

  test('of another version is refused by its version', () => {
    const bytes = Buffer.from(encodeCursor({ hubTag: 1, turn: 0, positions: new Map() }), 'base64url');
    bytes.writeUInt8(2, 0);
    expect(refusalOf(bytes.toString('base64url')).message).toContain('version');
  });
});

describe('after_offset', () => {
  test.each([[null], [''], ['0'], ['000']])('%j means from the beginning', (text) => {
    expect(parseAfterOffset(text)).toEqual({ kind: 'beginning' });
  });

  test('as a plain number is the offset of the original', () => {
    expect(parseAfterOffset('336')).toEqual({ kind: 'offset', offset: 336n });
    expect(parseAfterOffset('9223372036854775807')).toEqual({ kind: 'offset', offset: 2n ** 63n - 1n });
  });

  test.each(['-1', '1e9', '9223372036854775808', '1'.repeat(100), '12.5', '@latest'])(
    '%s is refused',
    (text) => {
      expect(refusalOf(text).code).toBe('invalid_cursor');
    },
  );
});
