import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY, type HubEvent, type TimePolicy } from '../../analytics/event';
import { type Output, translate } from '../../analytics/query';

const MIDNIGHT_US = Date.UTC(2026, 0, 1) * 1_000;
const at = (seconds: number): number => MIDNIGHT_US + Math.round(seconds * 1_000_000);
const iso = (seconds: number): string => new Date(at(seconds) / 1_000).toISOString();

/** An event that arrives at a second of the day, with a time of its own in `t`. */
const event = (arrival: number, own = arrival, fields: object = {}, partitionId = 0): HubEvent => ({
  body: JSON.stringify({ t: iso(own), ...fields }),
  enqueuedUs: at(arrival),
  partitionId,
});

interface Run {
  engine: Engine;
  /** Events, with the name of their input in front where it is not `i`. @returns the values of the rows that came of it */
  process: (...events: (HubEvent | string)[]) => Promise<string[]>;
  advance: (seconds: number) => Promise<string[]>;
  /** how many rows wait for their window */
  kept: () => Promise<number>;
}

let engines: Engine[] = [];
afterEach(() => {
  for (const engine of engines) engine.close();
  engines = [];
});

async function start(query: string, policy: Partial<TimePolicy> = {}): Promise<Run> {
  const plan = translate(query);
  const engine = await createEngine(plan, { ...DEFAULT_TIME_POLICY, ...policy });
  engines.push(engine);
  const collect = async (work: (onResult: (output: Output) => Promise<void>) => Promise<void>) => {
    const rows: string[] = [];
    await work(async ({ rowsSql }) => {
      for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows())
        rows.push(Object.values(JSON.parse(String(row)) as object).join(' '));
    });
    return rows;
  };
  return {
    engine,
    process: (...given) => {
      const [input = 'i'] = given.filter((one) => typeof one === 'string');
      const events = given.filter((one) => typeof one !== 'string');
      return collect((onResult) => engine.process(input, events, onResult));
    },
    advance: (seconds) => collect((onResult) => engine.advance(at(seconds), onResult)),
    kept: async () => {
      const [node] = plan.nodes;
      const table = node?.kind === 'temporal' ? (node.kept[0]?.table ?? '') : '';
      const count = await engine.connection.runAndReadAll(`SELECT count(*) FROM ${table}`);
      return Number(count.getRows()[0]?.[0]);
    },
  };
}

const END = "DATEDIFF(second, '2026-01-01', System.Timestamp())";
const TIME = "DATEDIFF(millisecond, '2026-01-01', System.Timestamp())";

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

  test('is emitted once, with the first event after its end', async () => {
    const { process, advance } = await start(tumbling);
    expect(await process(event(1), event(9), event(11))).toEqual(['10 2']);
    expect(await process(event(12))).toEqual([]);
    expect(await advance(30)).toEqual(['20 2']);
    expect(await advance(31)).toEqual([]);
  });

  test('waits for the slower partition, by the late arrival tolerance', async () => {
    const { process } = await start(tumbling);
    expect(await process(event(8, 8, {}, 1), event(9, 9, {}, 2), event(14, 14, {}, 1))).toEqual([]);
    expect(await process(event(15, 15, {}, 1))).toEqual([]);
    expect(await process(event(15.5, 15.5, {}, 1))).toEqual(['10 2']);
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

describe('an event', () => {
  const plain = `SELECT id, ${TIME} AS e FROM i TIMESTAMP BY t`;
  const none = { events: 0, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  const body = (text: string): HubEvent => ({ body: text, enqueuedUs: at(20) });

  test('that is late gets the earliest accepted time', async () => {
    const { engine, process } = await start(plain);
    expect(
      await process(event(20, 14.999, { id: 1 }), event(20, 15, { id: 2 }), event(20, 20, { id: 3 })),
    ).toEqual(['1 15000', '2 15000', '3 20000']);
    expect(engine.counts).toEqual({ ...none, events: 3, late: 1 });
  });

  test('that is late is dropped if the policy says so', async () => {
    const { engine, process } = await start(plain, { eventsOutOfOrderPolicy: 'Drop' });
    expect(
      await process(
        ...[event(20, 14.999, { id: 1 }), event(20, 15, { id: 2 }), event(20, 20, { id: 3 })],
        ...[event(20, 19, { id: 4 }), event(20, 18, { id: 5 })],
      ),
    ).toEqual(['2 15000', '3 20000']);
    expect(engine.counts).toEqual({ ...none, events: 5, late: 3, lateDropped: 3 });
  });

  test('that is more than five minutes early is dropped', async () => {
    const { engine, process } = await start(plain);
    expect(await process(event(0, 300, { id: 1 }), event(0, 300.001, { id: 2 }))).toEqual(['1 300000']);
    expect(engine.counts).toEqual({ ...none, events: 2, early: 1 });
  });

  test('out of order keeps its time within the tolerance, in one batch and in the next', async () => {
    const { engine, process } = await start(plain, { eventsOutOfOrderMaxDelayInSeconds: 2 });
    expect(
      await process(event(20, 20, { id: 1 }), event(20, 18.5, { id: 2 }), event(20, 17.5, { id: 3 })),
    ).toEqual(['3 18000', '2 18500', '1 20000']);
    expect(await process(event(21, 18.25, { id: 4 }), event(21, 17, { id: 5 }))).toEqual([
      '5 18000',
      '4 18250',
    ]);
    expect(engine.counts).toEqual({ ...none, events: 5, late: 2 });
  });

  test('is in the order of its own partition', async () => {
    const { engine, process } = await start(plain);
    await process(event(20, 20, { id: 1 }, 1), event(20, 16, { id: 2 }, 2));
    expect(await process(event(20, 19, { id: 3 }, 1), event(20, 16.5, { id: 4 }, 2))).toEqual([
      '4 16500',
      '3 20000',
    ]);
    expect(engine.counts).toEqual({ ...none, events: 4, late: 1 });
  });

  test('is not added to a window that has been emitted', async () => {
    const { engine, process, advance } = await start(plain);
    await process(event(20, 20, { id: 1 }));
    await advance(40);
    expect(await process(event(36, 32, { id: 2 }))).toEqual(['2 35000']);
    expect(engine.counts).toEqual({ ...none, events: 2, late: 1 });
  });

  test('never goes back in time with the clock', async () => {
    const { process, advance } = await start(plain);
    await process(event(30, 30, { id: 1 }, 1));
    await advance(20);
    expect(await process(event(32, 28, { id: 2 }, 2))).toEqual(['2 30000']);
  });

  test('is measured by the latest that its partition ever had', async () => {
    const { engine, process } = await start(plain, { eventsOutOfOrderMaxDelayInSeconds: 2 });
    await process(event(20, 20, { id: 1 }, 1), event(20, 16, { id: 2 }, 2));
    expect(await process(event(20, 18.5, { id: 3 }, 1))).toEqual(['3 18500']);
    expect(await process(event(20, 17.5, { id: 4 }, 1))).toEqual(['4 18000']);
    expect(engine.counts).toEqual({ ...none, events: 4, late: 1 });
  });

  test('without a time, or that is not a JSON object, is dropped', async () => {
    const { engine, process } = await start(plain);
    expect(
      await process(
        ...[body('{"t":"noon","id":1}'), body('{"id":2}'), body('no JSON'), body('7'), body('')],
        body(`[${event(20, 20, { id: 3 }).body},"x"]`),
      ),
    ).toEqual(['3 20000']);
    expect(engine.counts).toEqual({ ...none, events: 6, malformed: 4, untimed: 2 });
  });

  test('is read with names in another case, and with escaped names', async () => {
    const { process } = await start(plain);
    expect(await process(body(`{"t":"${iso(20)}","\\u0049d":1}`))).toEqual(['1 20000']);
    expect(await process(body(`{"T":"${iso(20)}","iD":2}`))).toEqual(['2 20000']);
  });

  test('keeps its time where no arrival is known', async () => {
    const { engine, process, advance } = await start(plain);
    const untold = (own: number, id: number) => ({ ...event(0, own, { id }), enqueuedUs: undefined });
    expect(await process('I', untold(1_000, 1), untold(1, 2))).toEqual(['2 1000', '1 1000000']);
    expect(await advance(Infinity)).toEqual([]);
    expect(engine.counts).toEqual({ ...none, events: 2 });
  });

  test('of an input that the query does not read is ignored', async () => {
    const { engine, process } = await start(plain);
    expect(await process('j', event(20, 20, { id: 1 }))).toEqual([]);
    expect(engine.counts).toEqual(none);
  });

  test('has a time for each TIMESTAMP BY', async () => {
    const { process } = await start(`WITH a AS (SELECT ${TIME} AS e FROM i TIMESTAMP BY t)
      SELECT e, ${TIME} AS arrived FROM a
      SELECT ${TIME} AS e, ${TIME} AS arrived INTO b FROM i`);
    expect(await process(event(20, 18))).toEqual(['18000 18000', '20000 20000']);
  });
});

// https://learn.microsoft.com/azure/stream-analytics/stream-analytics-use-reference-data
describe('reference data', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubfront-reference-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const later = (own: number): HubEvent => ({ ...event(0, own, { id: 1 }), enqueuedUs: undefined });

  test('is joined in the version of the event, and deleted when no event can match it', async () => {
    const { engine, process } = await start(
      `SELECT ${TIME} AS e, r.v FROM i TIMESTAMP BY t LEFT JOIN R AS r ON i.id = r.ID`,
    );
    const { references } = engine;
    expect(references.names).toEqual(['R']);
    expect(await references.load('r', await file('1.json', '[{"id":1,"v":"one"},{"id":2}]'), at(10))).toBe(2);
    expect(await process(later(1))).toEqual(['1000 one']);
    expect(await references.load('r', await file('2.json', '{"Id":1,"V":"two"}\n7\n'), at(20))).toBe(1);
    expect(await references.load('r', await file('3.json', '{"id":1,"v":"three"}'), at(30))).toBe(1);
    const times = [1, 19.999, 20, 29.999, 30, 3_000_000].map(later);
    expect(await process(...times)).toEqual([
      ...['1000 one', '19999 one', '20000 two', '29999 two', '30000 three', '3000000000 three'],
    ]);
    await expect(references.load('r', await file('4.json', 'none'), at(40))).rejects.toThrow('JSON');
    await references.prune('r', at(20));
    expect(await process(...times.slice(1, 3), later(50))).toEqual(['19999 ', '20000 two', '50000 three']);
    await expect(references.load('x', join(folder, '1.json'), at(40))).rejects.toThrow("called 'x'");
  });

  test('keeps its complete rows, in the order of the file', async () => {
    const { engine, process } = await start(
      `SELECT r.*, i.id AS own FROM i TIMESTAMP BY t INNER JOIN r ON i.id = r.id`,
    );
    const values = Array.from({ length: 5_000 }, (_, v) => (v * 7_919) % 5_000);
    const rows = [{ id: 2, v: -1 }, ...values.map((v) => ({ id: 1, v }))];
    await engine.references.load('r', await file('5.json', JSON.stringify(rows)), 0);
    const expected = values.map((v) => `1 ${v} 1`);
    expect(await process(later(2), later(1))).toEqual([...expected, ...expected]);
  });
});
