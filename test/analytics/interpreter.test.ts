import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { translate } from '../../analytics/query';
import { fullAfter, runs } from '../testSize';
import { type Arrival, CASES, KEYS, MIDNIGHT, policies, punctual } from './interpreter';

/** ANALYTICS_FUZZ_RUNS: how many streams are tried for each query. */
const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(1, 8));

const stream = fc
  .array(fc.record({ s: fc.nat(30), k: fc.constantFrom(...KEYS), v: fc.nat(9) }), { maxLength: 25 })
  .map((rows) => rows.sort((a, b) => a.s - b.s));

async function run(
  query: string,
  rows: readonly Arrival[],
  cuts: readonly number[],
  policy = DEFAULT_TIME_POLICY,
): Promise<string[]> {
  const engine = await createEngine(translate(query), policy);
  const found: string[] = [];
  const read = async ({ rowsSql }: { rowsSql: string }): Promise<void> => {
    for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows())
      found.push(
        Object.values(JSON.parse(String(row)) as object)
          .map(String)
          .join(' '),
      );
  };
  const events = rows.map(({ s, k, v, arrived }) => ({
    body: JSON.stringify({ t: new Date(MIDNIGHT + 1_000 * s).toISOString(), k, v }),
    enqueuedUs: (MIDNIGHT + 1_000 * arrived) * 1_000,
    partitionId: 0,
  }));
  try {
    const ends = [...new Set(cuts.map((cut) => Math.min(cut, events.length)))].sort((a, b) => a - b);
    let from = 0;
    for (const end of [...ends, events.length]) {
      await engine.process('i', events.slice(from, end), read);
      from = end;
    }
    await engine.advance(Infinity, read);
  } finally {
    engine.close();
  }
  return found;
}

for (const [at, [name, [query, interpret]]] of Object.entries(CASES).entries())
  test(
    `${name} gives the rows of a simple interpreter, wherever batches end`,
    { timeout: 120_000, ...fullAfter(2, at) },
    async () => {
      await fc.assert(
        fc.asyncProperty(stream, fc.array(fc.nat(25), { maxLength: 4 }), async (rows, cuts) => {
          const found = await run(
            query,
            rows.map((row) => ({ ...row, arrived: row.s })),
            cuts,
          );
          expect([...found].sort()).toEqual(interpret(rows).sort());
          const times = found.map((row) => Number(row.split(' ')[0]));
          expect(times).toEqual([...times].sort((a, b) => a - b));
        }),
        { numRuns: RUNS },
      );
    },
  );

/** Arrivals whose own times are up to 9 s late and 2 s early. */
const disordered = fc
  .array(
    fc.record({
      arrived: fc.nat(30),
      late: fc.integer({ min: -2, max: 9 }),
      k: fc.constantFrom(...KEYS),
      v: fc.nat(9),
    }),
    {
      maxLength: 25,
    },
  )
  .map((all) =>
    all
      .sort((a, b) => a.arrived - b.arrived)
      .map(({ arrived, late, k, v }): Arrival => ({ arrived, s: 20 + arrived - late, k, v }))
      .map((row) => ({ ...row, arrived: 20 + row.arrived })),
  );

for (const [at, name] of ['session', 'tumbling', 'sliding', 'lag', 'join'].entries())
  test(
    `${name} gives the rows of a simple interpreter for late and disordered events`,
    { timeout: 120_000, ...fullAfter(1, at) },
    async () => {
      const [query, interpret] = CASES[name] ?? ['', () => []];
      await fc.assert(
        fc.asyncProperty(
          disordered,
          policies,
          fc.array(fc.nat(25), { maxLength: 3 }),
          async (rows, policy, cuts) => {
            const found = await run(query, rows, cuts, policy);
            const expected = interpret(punctual(rows, policy));
            // LAG shows the event's own value beside the time that the policies gave it.
            expect([...found].sort()).toEqual([...expected].sort());
          },
        ),
        { numRuns: RUNS },
      );
    },
  );
