import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HubEvent } from '../../analytics/event';
import { MAX_VERSIONS } from '../../analytics/referenceVersions';
import { type Run, TIME, at, event, iso, useEngines } from './engineRun';

const start = useEngines();

// https://learn.microsoft.com/azure/stream-analytics/stream-analytics-time-handling
describe('an event', () => {
  const plain = `SELECT id, ${TIME} AS e FROM i TIMESTAMP BY t`;
  const none = { events: 0, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  const body = (text: string): HubEvent => ({ body: text, enqueuedUs: at(20) });

  // https://learn.microsoft.com/stream-analytics-query/getmetadatapropertyvalue
  test('has the metadata in place of fields of its payload with the same names', async () => {
    const payload = { partitionid: 99, IOTHUB: { ConnectionDeviceId: 'x' }, v: 1 };
    const sent = [{ ...event(1, 1, payload, 3), deviceId: 'd' }];
    const known = await start('SELECT PARTITIONID AS p, iothub.connectiondeviceid AS d, v FROM i');
    expect(await known.process(...sent)).toEqual(['3 d 1']);
    const whole = await start(
      'WITH s AS (SELECT * FROM i) SELECT partitionID AS p, iothub.connectiondeviceid AS d, v FROM s',
    );
    expect(await whole.process(...sent)).toEqual(['3 d 1']);
    const untimed = { ...sent[0], enqueuedUs: undefined, body: JSON.stringify({ partitionid: 99 }) };
    const all = await start('SELECT * FROM i');
    expect(await all.process(untimed)).toEqual(['99']);
  });

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

  test('is joined in the version of the event', async () => {
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
    await expect(references.load('x', join(folder, '1.json'), at(40))).rejects.toThrow("called 'x'");
  });

  async function versions(): Promise<{
    run: Run;
    load: (second: number) => Promise<number>;
    held: () => Promise<number[]>;
  }> {
    const run = await start(`SELECT ${TIME} AS e, r.v FROM i TIMESTAMP BY t LEFT JOIN r ON i.id = r.id`, {
      eventsLateArrivalMaxDelayInSeconds: 20,
      eventsOutOfOrderMaxDelayInSeconds: 10,
    });
    const { connection, references } = run.engine;
    return {
      run,
      load: async (second) =>
        references.load('r', await file('v.json', `{"id":1,"v":${second}}`), at(second)),
      held: async () =>
        (await connection.runAndReadAll('SELECT v FROM (SELECT field_v AS v FROM reference_r)'))
          .getRows()
          .map(([v]) => Number(v))
          .sort((a, b) => a - b),
    };
  }

  test('is deleted when no later row can be of its time', async () => {
    const { run, load, held } = await versions();
    for (const second of [10, 20, 30]) await load(second);
    await run.process(event(35, 35, { id: 1 }));
    await load(40);
    // Events may still come from 25 s on.
    expect(await held()).toEqual([20, 30, 40]);
    expect(await run.process(event(36, 26, { id: 1 }))).toEqual(['26000 20']);
    await run.advance(70);
    await load(80);
    expect(await held()).toEqual([40, 80]);
  });

  test('is deleted when it is the oldest version beyond the maximum', { tags: ['full'] }, async () => {
    const { run, load, held } = await versions();
    await load(80);
    for (let second = 91; second < 91 + MAX_VERSIONS; second++) await load(second);
    expect((await held()).length).toBe(MAX_VERSIONS);
    expect(await run.process(event(71, 61, { id: 1 }))).toEqual(['61000 91']);
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
