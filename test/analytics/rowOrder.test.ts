import { describe, expect, test } from 'vitest';
import { type HubEvent } from '../../analytics/event';
import { testEach } from '../testSize';
import { event, useEngines } from './engineRun';

const start = useEngines();

/** More than DuckDB sorts at once. */
const ELEMENTS = 5_000;
const elements = Array.from({ length: ELEMENTS }, (_, n) => ({ n, k: n % 3 }));
const message = (body: unknown, arrival = 1): HubEvent => ({
  ...event(arrival),
  body: JSON.stringify(body),
});

describe('the events of one message have the order of its elements', () => {
  testEach<[string, number[]]>(1, [
    ['LAG(n)', elements.map(({ n }) => n - 1)],
    ['LAG(n, 3)', elements.map(({ n }) => n - 3)],
    ['LAST(n)', elements.map(({ n }) => n)],
  ])('in %s', async (call, expected) => {
    const { process, advance } = await start(
      `SELECT n, ${call} OVER (LIMIT DURATION(minute, 1)) AS before FROM i`,
    );
    const rows = [...(await process(message(elements))), ...(await advance(100))];
    expect(rows).toEqual(elements.map(({ n }, i) => `${n} ${(expected[i] ?? 0) < 0 ? '' : expected[i]}`));
  });

  test('in ISFIRST', async () => {
    const { process, advance } = await start(
      'SELECT n, ISFIRST(minute, 1) OVER (PARTITION BY k) AS f FROM i',
    );
    const rows = [...(await process(message(elements))), ...(await advance(100))];
    expect(rows.filter((row) => row.endsWith(' 1'))).toEqual(['0 1', '1 1', '2 1']);
  });

  test('in rows without a window', async () => {
    const { process } = await start('SELECT n FROM i');
    expect(await process(message(elements))).toEqual(elements.map(({ n }) => `${n}`));
  });

  test('of a payload with an object on each line, too', async () => {
    const { process, advance } = await start('SELECT LAG(n) OVER (LIMIT DURATION(minute, 1)) AS b FROM i');
    const body = '{"n":1}\n{"n":2}\n{"n":3}';
    expect([...(await process({ ...event(1), body })), ...(await advance(100))]).toEqual(['', '1', '2']);
  });

  test('in aggregates that depend on it', async () => {
    const { process, advance } = await start(
      `WITH s AS (SELECT Collect(n) AS c, TopOne() OVER (ORDER BY z) AS t, CollectTop(2, n) OVER (ORDER BY z) AS u
         FROM i GROUP BY TumblingWindow(second, 10)) SELECT c, t.n AS t, u FROM s`,
    );
    await process(message(elements));
    const all = elements.map(({ n }) => n).join(',');
    expect(await advance(100)).toEqual([`${all} 0 [object Object],[object Object]`]);
  });

  test('in a stream join', async () => {
    const { process, advance } = await start(
      `WITH s AS (SELECT l.n AS l, r.n AS r FROM i l JOIN i r ON l.k = r.k AND DATEDIFF(second, l, r) BETWEEN 0 AND 5)
       SELECT Collect(l) AS l, Collect(r) AS r FROM s GROUP BY TumblingWindow(second, 10)`,
    );
    await process(message([{ n: 1 }, { n: 2 }].map((one) => ({ ...one, k: 1 }))));
    expect(await advance(100)).toEqual(['1,1,2,2 1,2,1,2']);
  });
});

describe('rows that one event became have an order', () => {
  const list = elements.map(({ n }) => n);
  const applied = 'FROM i CROSS APPLY GetArrayElements(i.list) AS e';

  test('in the aggregates of a group', async () => {
    const { process, advance } = await start(
      `SELECT Collect(e.ArrayValue) AS c ${applied} GROUP BY TumblingWindow(second, 10)`,
    );
    await process(message({ list }));
    expect(await advance(100)).toEqual([list.join(',')]);
  });

  test.each([
    ['of one SELECT', `SELECT e.ArrayValue AS v, f.ArrayValue AS w ${applied}`],
    [
      'of two steps',
      `WITH s AS (SELECT e.ArrayValue AS v, other ${applied}) SELECT v, f.ArrayValue AS w FROM s`,
    ],
  ])('in an output, by the lists %s', async (_, query) => {
    const of = query.startsWith('WITH') ? 's' : 'i';
    const { process } = await start(`${query} CROSS APPLY GetArrayElements(${of}.other) AS f`);
    const [some, others] = [list.slice(0, 70), list.slice(0, 80)];
    expect(await process(message({ list: some, other: others }))).toEqual(
      some.flatMap((v) => others.map((w) => `${v} ${w}`)),
    );
  });

  test('in the groups that they make', async () => {
    const { process, advance } = await start(
      `WITH s AS (SELECT e.ArrayValue AS v, COUNT(*) AS n ${applied} GROUP BY e.ArrayValue, TumblingWindow(second, 10))
       SELECT v, LAG(v) OVER (LIMIT DURATION(minute, 1)) AS before FROM s`,
    );
    await process(message({ list }));
    expect(await advance(100)).toEqual(list.map((n) => `${n} ${n === 0 ? '' : n - 1}`));
  });
});

testEach<[number[]]>(2, [[[4]], [[1, 3]], [[2, 2]], [[3, 1]], [[1, 1, 1, 1]]])(
  'groups over a join of streams have the same order with batches of %j events',
  async (batches) => {
    const { process, advance } = await start(
      `WITH j AS (SELECT l.n AS n, l.k AS k FROM i l TIMESTAMP BY t JOIN i r TIMESTAMP BY t ON l.n = r.n AND DATEDIFF(second, l, r) BETWEEN 0 AND 1),
         g AS (SELECT k, MAX(n) AS n FROM j GROUP BY k, TumblingWindow(second, 30))
       SELECT k, LAG(k) OVER (LIMIT DURATION(minute, 1)) AS before FROM g`,
    );
    const all = ['x', 'y', 'z', 'x'].map((k, i) => event(2 + 4 * i, 2 + 4 * i, { n: i, k }));
    const rows: string[] = [];
    let from = 0;
    for (const size of batches) {
      rows.push(...(await process(...all.slice(from, from + size))));
      from += size;
    }
    rows.push(...(await advance(100)));
    expect(rows).toEqual(['x ', 'y x', 'z y']);
  },
);
