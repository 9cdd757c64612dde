import { describe, expect, test } from 'vitest';
import { END, TIME, event, useEngines } from './engineRun';

const start = useEngines();

// https://learn.microsoft.com/azure/stream-analytics/stream-analytics-time-handling
describe('a window', () => {
  const tumbling = `SELECT ${END} AS e, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY TumblingWindow(second, 10)`;

  test('stays open while an event may still arrive exactly at its end', async () => {
    const { kept, process, advance } = await start(tumbling);
    expect(await process(event(5))).toEqual([]);
    expect(await process(event(10))).toEqual([]);
    expect(await advance(15)).toEqual([]);
    expect(await process(event(15, 10))).toEqual([]);
    expect(await advance(15.000001)).toEqual(['10 3']);
    expect(await kept()).toBe(0);
    expect(await advance(100)).toEqual([]);
    expect(await process(event(100))).toEqual([]);
    expect(await process(event(111))).toEqual(['100 1']);
  });

  test('of a session keeps each of the equal rows of one message', async () => {
    const { process, advance } = await start(
      `SELECT k, COUNT(*) AS n FROM i GROUP BY k, SessionWindow(second, 10, 60) OVER (PARTITION BY k)`,
    );
    for (let second = 1; second <= 6; second++) await process(event(second, second, { k: 'b' }));
    await process({ ...event(14), body: JSON.stringify([{ k: 'a' }, { k: 'a' }, { k: 'a' }]) });
    const emitted = await process(event(18, 18, { k: 'c' }));
    expect([...emitted, ...(await advance(100))].sort()).toEqual(['a 3', 'b 6', 'c 1']);
  });

  test('is emitted once, with the first event after its end', async () => {
    const { process, advance } = await start(tumbling);
    expect(await process(event(1), event(9), event(11))).toEqual(['10 2']);
    expect(await process(event(12))).toEqual([]);
    expect(await advance(30)).toEqual(['20 2']);
    expect(await advance(31)).toEqual([]);
  });

  test('waits for the slower partition, by the late arrival tolerance', async () => {
    const { process, advance } = await start(tumbling);
    expect(await process(event(8, 8, {}, 1), event(9, 9, {}, 2), event(14, 14, {}, 1))).toEqual([]);
    expect(await process(event(15, 15, {}, 1), event(15.5, 15.5, {}, 1))).toEqual([]);
    expect(await advance(15)).toEqual([]);
    expect(await advance(15.5)).toEqual(['10 2']);
    expect(await process(event(21, 21, {}, 2))).toEqual([]);
    expect(await process(event(22, 22, {}, 1))).toEqual(['20 3']);
  });

  test('waits for the out-of-order tolerance', async () => {
    const { process, advance } = await start(tumbling, { eventsOutOfOrderMaxDelayInSeconds: 3 });
    expect(await process(event(8), event(13))).toEqual([]);
    expect(await process(event(13.1, 10.1), event(13.2))).toEqual(['10 1']);
    expect(await advance(28)).toEqual([]);
    expect(await advance(28.1)).toEqual(['20 3']);
  });

  test('ends by the clock after both tolerances', async () => {
    const { process, advance } = await start(tumbling, {
      eventsLateArrivalMaxDelayInSeconds: 20,
      eventsOutOfOrderMaxDelayInSeconds: 2,
    });
    await process(event(1));
    expect(await advance(32)).toEqual([]);
    expect(await advance(33)).toEqual(['10 1']);
  });

  test('ends by its offset', async () => {
    const { process, advance } = await start(
      `SELECT ${END} AS e, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY TumblingWindow(Duration(second, 10), Offset(second, 3))`,
    );
    expect(await process(event(1), event(3), event(4))).toEqual(['3 2']);
    expect(await advance(18)).toEqual([]);
    expect(await advance(19)).toEqual(['13 1']);
  });

  test.each([
    ['whose rows are kept as one', 5],
    ['whose rows are kept each', 4],
  ])('that hops holds rows of earlier batches, %s', async (_, hop) => {
    const { engine, kept, process, advance } = await start(
      `SELECT ${END} AS e, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY HoppingWindow(second, 10, ${hop})`,
    );
    const times = [3, 10, 20.5];
    const rows: string[] = [];
    for (const time of times) rows.push(...(await process(event(time))));
    rows.push(...(await advance(60)));
    const expected: string[] = [];
    for (let end = 0; end <= 40; end += hop) {
      const n = times.filter((time) => time > end - 10 && time <= end).length;
      if (n > 0) expected.push(`${end} ${n}`);
    }
    expect(rows).toEqual(expected);
    expect(await kept()).toBe(0);
    expect(engine.counts.events).toBe(3);
  });

  test('that ends just before the watermark is emitted once, while its rows wait for the next one', async () => {
    const { process, advance } = await start(
      `SELECT ${END} AS e, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY HoppingWindow(second, 10, 5)`,
    );
    await process(event(8));
    expect(await advance(15.000001)).toEqual(['10 1']);
    expect(await advance(20.000001)).toEqual(['15 1']);
  });

  test('of a single time is emitted when this time is over', async () => {
    const { process, advance } = await start(
      `SELECT ${TIME} AS e, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY System.Timestamp()`,
    );
    expect(await process(event(1), event(1), event(2))).toEqual(['1000 2']);
    expect(await process(event(2))).toEqual([]);
    expect(await advance(60)).toEqual(['2000 2']);
  });

  test('keeps equal rows of many batches as one', async () => {
    const { kept, process, advance } = await start(
      'SELECT k, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY k, TumblingWindow(minute, 1)',
    );
    const batch = Array.from({ length: 5_000 }, (_, k) => event(1, 1, { k }));
    await process(...batch);
    expect(await kept()).toBe(5_000);
    await process(...batch);
    expect(await kept()).toBe(5_000);
    await process(...batch);
    expect(await kept()).toBe(10_000);
    const rows = await advance(Infinity);
    expect(rows).toHaveLength(5_000);
    expect(rows.every((row) => row.endsWith(' 3'))).toBe(true);
  });

  test('waits for the slower of two TIMESTAMP BY', async () => {
    const grouped = (by: string): string =>
      `SELECT '${by || 'arrival'}' AS b, ${END} AS e, COUNT(*) AS n INTO [o ${by}] FROM i ${by} GROUP BY TumblingWindow(second, 10)`;
    const { process, advance } = await start(`${grouped('TIMESTAMP BY t')} ${grouped('')}`);
    expect(await process(event(11, 9))).toEqual([]);
    expect(await process(event(12, 9.5))).toEqual([]);
    expect(await process(event(13, 12))).toEqual(['TIMESTAMP BY t 10 2']);
    expect(await advance(60)).toEqual(['TIMESTAMP BY t 20 1', 'arrival 20 3']);
  });

  test('of a step is emitted by the step that it reads', async () => {
    const { process, advance } = await start(`WITH s AS (
        SELECT COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY TumblingWindow(second, 10)
      ) SELECT ${END} AS e, SUM(n) AS n, MAX(n) AS most FROM s GROUP BY TumblingWindow(second, 20)`);
    expect(await process(event(1), event(2), event(11))).toEqual([]);
    expect(await process(event(21))).toEqual(['20 3 2']);
    expect(await advance(60)).toEqual(['40 1 1']);
  });
});

// https://learn.microsoft.com/stream-analytics-query/group-by-azure-stream-analytics: GROUP BY takes expressions.
/** Rows `query value count` of queries that each group by one of the keys. `value` makes the column of a key. */
async function groupedBy(
  keys: readonly string[],
  queryOf: (key: string) => string,
  events: readonly object[],
): Promise<string[]> {
  const queries = keys.map((key, n) =>
    queryOf(key).replace('SELECT', `SELECT ${n} AS q,`).replace('FROM', `INTO [o${n}] FROM`),
  );
  const { process, advance } = await start(queries.join('\n'));
  for (const fields of events) await process(event(1, 1, fields));
  return (await advance(60)).map((row) => row.replace(/^\d+/, (n) => keys[Number(n)] ?? n)).sort();
}

test('a group is found again by its expression', async () => {
  const keys = [
    "SUBSTRING(k, 1, CHARINDEX('/', k) - 1)",
    'LEFT(k, 1)',
    'RIGHT(LEFT(k, 1), 1)',
    "TRANSLATE(LEFT(k, 1), 'x', 'y')",
    "STUFF(k, 2, 2, '')",
    'CAST(LEFT(k, 1) AS nvarchar(max))',
    "CASE WHEN k > 'b' THEN LEFT(k, 1) ELSE LEFT(k, 1) END",
  ];
  const queryOf = (key: string): string =>
    `SELECT ${key} AS k,
      COUNT(*) AS n FROM i GROUP BY TumblingWindow(second, 10), ${key} HAVING ${key} <> 'c'`;
  const events = ['a/1', 'b/1', 'a/2', 'c/1'].map((k) => ({ k }));
  expect(await groupedBy(keys, queryOf, events)).toEqual(
    keys.flatMap((key) => [`${key} a 2`, `${key} b 1`]).sort(),
  );
});

test('a group is found again by its number', async () => {
  const keys = [
    'CAST(v AS bigint)',
    'ROUND(v, 0)',
    'ABS(v)',
    'POWER(v, 1)',
    'CAST(CAST(v AS bigint) AS float)',
    '[i].v + CAST(0 AS bigint)',
  ];
  const queryOf = (key: string): string =>
    `SELECT ${key} + 1 AS v, COUNT(*) AS n FROM i GROUP BY ${key}, TumblingWindow(second, 10)`;
  const events = [1, 2, 1].map((v) => ({ v }));
  expect(await groupedBy(keys, queryOf, events)).toEqual(
    keys.flatMap((key) => [`${key} 2 2`, `${key} 3 1`]).sort(),
  );
});
