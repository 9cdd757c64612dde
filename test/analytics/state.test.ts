import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fullAfter, runs } from '../testSize';
import { DOCUMENTED } from './documentedCases';
import { CASES, KEYS, policies, punctual } from './interpreter';
import { arrivals, punctualRows, runInterrupted, steps } from './interruptedRun';
import { PARTITIONS } from './jobOnFile';

const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(1, 8));

/** Queries without an interpreter: their rows are compared with those of a run that is not interrupted. */
const OTHERS: Record<string, string> = {
  steps:
    'WITH s AS (SELECT k, COUNT(*) AS n FROM [i] TIMESTAMP BY t GROUP BY k, TumblingWindow(second, 2)), m AS (SELECT k, MAX(n) AS n FROM s GROUP BY k, TumblingWindow(second, 6)) SELECT k, n, LAG(n) OVER (PARTITION BY k LIMIT DURATION(minute, 1)) AS before FROM m',
  'windows with top rows':
    "SELECT k, TopOne() OVER (ORDER BY v DESC, t) AS top, Collect() AS rows, COUNT(DISTINCT v) AS n FROM [i] TIMESTAMP BY t GROUP BY k, Windows(Window('a', TumblingWindow(second, 4)), Window('b', HoppingWindow(second, 6, 4)))",
  'first and last events':
    'SELECT v, ISFIRST(second, 5) OVER (PARTITION BY k) AS f, LAST(v) OVER (PARTITION BY k LIMIT DURATION(second, 5) WHEN v > 4) AS l, SUM(TRY_CAST(v AS bigint)) OVER (PARTITION BY k LIMIT DURATION(second, 5)) AS s FROM [i] TIMESTAMP BY t',
  substreams:
    'SELECT k, COUNT(*) AS n, System.Timestamp() AS e FROM [i] TIMESTAMP BY t OVER k GROUP BY k, TumblingWindow(second, 5)',
  'no windows': 'SELECT v, System.Timestamp() AS e FROM [i] TIMESTAMP BY t',
};

/** `npm test` runs the first case, and the full run all of them. */
function eachCase<T>(cases: Readonly<Record<string, T>>, check: (one: T) => Promise<void>): void {
  for (const [at, [name, one]] of Object.entries(cases).entries())
    test(name, { timeout: 300_000, ...fullAfter(1, at) }, () => check(one));
}

describe('kills and the ends of batches never change the rows', () => {
  eachCase({ ...CASES, ...DOCUMENTED }, async ([query, interpret]) => {
    await fc.assert(
      fc.asyncProperty(arrivals, policies, steps, async (all, policy, taken) => {
        expect(await runInterrupted({ query, policy, rows: all, steps: taken })).toEqual(
          interpret(punctualRows(all, policy)).sort(),
        );
      }),
      { numRuns: RUNS },
    );
  });

  // "handling events from each producer in its own timeline" (TIMESTAMP BY): the policies apply to each value of OVER.
  test('of substreams', { timeout: 300_000, tags: ['full'] }, async () => {
    const [tumbling, interpret] = CASES.tumbling ?? ['', () => []];
    const query = tumbling.replace('TIMESTAMP BY t', 'TIMESTAMP BY t OVER k');
    expect(query).not.toBe(tumbling);
    await fc.assert(
      fc.asyncProperty(arrivals, policies, steps, async (all, policy, taken) => {
        const rows = PARTITIONS.flatMap((partition) =>
          KEYS.flatMap((key) =>
            punctual(
              all.filter((one) => one.partition === partition && one.k === key),
              policy,
            ),
          ),
        );
        expect(await runInterrupted({ query, policy, rows: all, steps: taken })).toEqual(
          interpret(rows).sort(),
        );
      }),
      { numRuns: RUNS },
    );
  });

  eachCase(OTHERS, async (query) => {
    await fc.assert(
      fc.asyncProperty(arrivals, policies, steps, async (all, policy, taken) => {
        expect(await runInterrupted({ query, policy, rows: all, steps: taken })).toEqual(
          await runInterrupted({ query, policy, rows: all, steps: [] }),
        );
      }),
      { numRuns: RUNS },
    );
  });
});
