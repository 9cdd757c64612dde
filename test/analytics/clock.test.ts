import { expect, test, vi } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { createClock, needsClock } from '../../analytics/job/clock';
import { lastEventsOf } from '../../analytics/job/hubReader';
import { translate } from '../../analytics/query';

const RESPONSE_TIMEOUT_MS = 50;

test.each([
  ['fails', () => Promise.reject(new Error('no response'))],
  ['never responds', () => new Promise<never>(() => undefined)],
])('a partition that %s does not stop the clock of the others', async (_, respond) => {
  const advanced: (readonly string[])[] = [];
  const connection = {
    readPartitions: ([partitionId = '']: readonly string[]) =>
      partitionId === '1'
        ? respond()
        : Promise.resolve([
            { partitionId, firstSequenceNumber: 0, lastSequenceNumber: 7, empty: partitionId === '2' },
          ]),
  };
  const tick = createClock({
    partitions: () => ['0', '1', '2'],
    lastEvents: (partitions) => lastEventsOf(connection, partitions, RESPONSE_TIMEOUT_MS),
    isProcessed: (_, sequenceNumber) => sequenceNumber <= 7,
    advance: (_, partitions) => {
      advanced.push(partitions);
      return Promise.resolve();
    },
  });
  await tick();
  expect(advanced).toEqual([['0', '2']]);
});

test.each([
  ['SELECT a FROM i', false],
  ['SELECT a FROM i TIMESTAMP BY t', false],
  ['SELECT a FROM i TIMESTAMP BY t OVER k', true],
  ['SELECT COUNT(*) AS n FROM i GROUP BY TumblingWindow(minute, 1)', true],
  ['SELECT i.a FROM i JOIN r ON i.a = r.a', true],
])(
  'the clock runs where windows end, or timelines or versions of reference data are kept: %s',
  (query, runs) => {
    expect(needsClock(translate(query))).toBe(runs);
  },
);

test('the clock writes the progress of many timelines anew only where some are over', async () => {
  const TIMELINES = 10_001;
  const START_MS = Date.UTC(2026, 0, 1);
  const at = (second: number): number => (START_MS + second * 1_000) * 1_000;
  const plan = translate('SELECT v FROM i TIMESTAMP BY t OVER k');
  const engine = await createEngine(plan, DEFAULT_TIME_POLICY);
  const none = (): Promise<void> => Promise.resolve();
  const kept = async (): Promise<number> => {
    const table = `progress_${plan.sources[0]?.table}`;
    const read = await engine.connection.runAndReadAll(`SELECT count(*) FROM ${table}`);
    return Number(read.getRows()[0]?.[0]);
  };
  try {
    const t = new Date(START_MS).toISOString();
    const events = Array.from({ length: TIMELINES }, (_, k) => ({
      body: JSON.stringify({ t, k: String(k) }),
      enqueuedUs: at(0),
    }));
    await engine.process('i', events, none);
    const run = vi.spyOn(engine.connection, 'run');
    const dropped = (): number => run.mock.calls.filter(([sql]) => sql.startsWith('DROP TABLE')).length;
    await engine.advance(at(1), none);
    await engine.advance(at(2), none);
    expect(dropped()).toBe(0);
    expect(await kept()).toBe(TIMELINES);
    await engine.advance(at(60), none);
    expect(dropped()).toBe(1);
    expect(await kept()).toBe(0);
  } finally {
    engine.close();
  }
});
