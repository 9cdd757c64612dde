import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';
import { runs } from '../testSize';

const RUNS = runs(60, 5_000);

let stack: Stack;
let cursor: string;
beforeAll(async () => {
  stack = await startStack({ partitions: 4 });
  stack.emulator.admin.seed({ count: 40 });
  cursor = (await stack.feed({ limit: 30 })).json.next_offset as string;
});
afterAll(() => stack.close());

const character = fc.stringMatching(/^[\w-]$/);
/** Cursors as networks, people and attackers damage them. */
const damagedCursor = fc
  .oneof(
    fc.nat({ max: 200 }).map((length) => cursor.slice(0, length % cursor.length)),
    fc.tuple(fc.nat(), character).map(([at, other]) => {
      const index = at % cursor.length;
      return cursor.slice(0, index) + other + cursor.slice(index + 1);
    }),
    fc.tuple(fc.nat(), fc.nat({ max: 7 })).map(([at, bit]) => {
      const bytes = Buffer.from(cursor, 'base64url');
      bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ (1 << bit), at % bytes.length);
      return bytes.toString('base64url');
    }),
    fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    fc.integer({ min: 2, max: 9 }).map((times) => cursor.repeat(times)),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.bigInt({ max: -1n }).map(String),
    fc.constantFrom('null', 'NaN', '-0', '1.5', '0x10', '1e3', '%00', ' ', '../../etc', '💥'),
  )
  .filter((text) => text !== cursor && !/^\d*$/.test(text));

const wrongNumber = fc.oneof(
  fc.constantFrom(
    '0',
    '-1',
    '1e9',
    '1e3',
    'abc',
    '10001',
    '1.5',
    '0x10',
    'Infinity',
    'NaN',
    '',
    ' 5',
    '+5',
    '٣',
  ),
  fc.integer({ min: 10_001 }).map(String),
  fc.integer({ max: 0 }).map(String),
  fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !/^\d+$/.test(text)),
);
const wrongWait = wrongNumber.filter((text) => text !== '0');
const wrongPartitions = fc.oneof(
  fc.constantFrom('', ',', '0,', 'x', '-1', '4', '0,99', '00', '01', '1e0', '999999999999', '0 ,1', '0;1'),
  fc.integer({ min: 4 }).map(String),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !/^[0-3](,[0-3])*$/.test(text)),
);

/** What is no cursor and yet a place to begin. */
const places = ['-1', '@latest'];

const wrongQuery = fc.oneof(
  damagedCursor.filter((text) => !places.includes(text)).map((after_offset) => ({ after_offset })),
  wrongNumber.map((limit) => ({ limit })),
  wrongWait.map((wait) => ({ wait })),
  wrongPartitions.map((partitions) => ({ partitions })),
);

test('any wrong query answers 400 with what is wrong, and never worse', async () => {
  await fc.assert(
    fc.asyncProperty(wrongQuery, async (query) => {
      const { status, json, text } = await stack.feed(query);
      expect([status, text]).toEqual([400, expect.stringContaining('"detail"')]);
      expect(json.code).toMatch(/^(invalid_cursor|invalid_query|unknown_partition)$/);
      expect((json.detail as string).length).toBeLessThan(500);
    }),
    { numRuns: RUNS },
  );
  expect(stack.logged.filter((line) => /\bat .*\.[jt]s:\d+/.test(line))).toEqual([]); // no stacks
  expect((await stack.feed({ after_offset: cursor })).json.messages).toHaveLength(10);
}, 300_000);

describe('a query', () => {
  test('with a cursor as long as the host lets pass is refused', async () => {
    const { status, json } = await stack.feed({ after_offset: 'A'.repeat(7 * 1024) });
    expect([status, json.code]).toEqual([400, 'invalid_cursor']);
  });

  test('with a partition that is not there is told which there are', async () => {
    const { status, json } = await stack.feed({ partitions: '2,7' });
    expect([status, json.code]).toEqual([400, 'unknown_partition']);
    expect(json.detail).toBe('The hub has no partition 7. It has: 0, 1, 2, 3.');
  });

  test('that names a parameter twice is refused: which one was meant?', async () => {
    const { status, json } = await stack.feedAt('?limit=1&limit=2');
    expect([status, json.code]).toEqual([400, 'invalid_query']);
  });

  test.each([
    ['limit=1&LIMIT=2', 'limit'],
    ['limit=1,2', 'limit'],
    ['LIMIT=zz', 'limit'],
    ['AFTER_OFFSET=@latest', 'after_offset'],
    ['after_offset=-1&after_offset=-1', 'after_offset'],
    ['after_offset=&after_offset=%40latest', 'after_offset'],
    ['Wait=1', 'wait'],
    ['partitions=0&partitions=1', 'partitions'],
    ['partitions=0&PARTITIONS=1', 'partitions'],
    ['Action=ping', 'action'],
    ['action=ping&action=ping', 'action'],
  ])('with an ambiguous name is refused, and the name told: %s', async (query, name) => {
    const { status, json } = await stack.feedAt(`?${query}`);
    expect([status, json.code]).toEqual([400, 'invalid_query']);
    expect(json.detail).toContain(name);
  });

  test('with names of others is answered, and the way on has no key in any case', async () => {
    const { status, headers } = await stack.feedAt('?limit=1&Code=x&CODE=y&version=2&version=3');
    expect(status).toBe(200);
    expect(headers.get('link')).not.toMatch(/code=/i);
  });
});
