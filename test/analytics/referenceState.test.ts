import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { fullAfter, runs } from '../testSize';
import { KEYS, MIDNIGHT, punctual } from './interpreter';
import {
  type Job,
  PARTITIONS,
  type PartitionedArrival,
  commit,
  into,
  open,
  rowsOf,
  toEvent,
} from './jobOnFile';

const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(1, 12));
const ORIGIN = 'account/container/{date}/{time}.json';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-versions-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const newFile = (): string => join(folder, `${(files += 1)}`);

/** Loads a version whose rows name the second from which on it is valid. */
async function load({ engine }: Job, second: number): Promise<void> {
  const file = newFile();
  await writeFile(file, KEYS.map((k) => JSON.stringify({ k, from: second })).join('\n'));
  await engine.references.load('r', file, (MIDNIGHT + 1_000 * second) * 1_000, `${second}.json`, ORIGIN);
}

interface Step {
  partition: number;
  arrivals: { late: number; k: string; v: number }[];
  /** s that pass before the events arrive */
  pause: number;
  /** whether a version follows that is valid from then on */
  version: boolean;
  kill: boolean;
}

/** The events of the steps, each with the versions that are loaded when it arrives. */
function arrivalsOf(steps: readonly Step[]): (PartitionedArrival & { versions: readonly number[] })[][] {
  let [now, number] = [20, 0];
  const versions = [0];
  return steps.map(({ partition, arrivals, pause, version }) => {
    now += pause;
    const loaded = [...versions];
    if (version && now > (versions.at(-1) ?? 0)) versions.push(now);
    return arrivals.map(({ late, k, v }) => ({
      ...{ partition, number: (number += 1), arrived: now, s: now - late, k, v, versions: loaded },
    }));
  });
}

/** Each event with the version that was valid at its time: the newest one that is not later. */
function rowsOfEvents(steps: readonly Step[]): string[] {
  const all = arrivalsOf(steps).flat();
  return PARTITIONS.flatMap((partition) =>
    punctual(
      all.filter((one) => one.partition === partition),
      DEFAULT_TIME_POLICY,
    ),
  )
    .map(({ s, k, v, versions }) => `${k} ${v} ${versions.filter((from) => from <= s).at(-1) ?? 0}`)
    .sort();
}

async function run(query: string, steps: readonly Step[], kills: boolean): Promise<string[]> {
  const plan = translate(query);
  const file = newFile();
  let job = await open(plan, file, DEFAULT_TIME_POLICY);
  await load(job, 0);
  let [now, newest] = [20, 0];
  const all = arrivalsOf(steps);
  for (const [i, { pause, version, kill }] of steps.entries()) {
    now += pause;
    const events = (all[i] ?? []).map(toEvent);
    await commit(job, new Map(), (outputs) => job.engine.process('i', events, into(outputs)));
    await commit(job, new Map(), (outputs) =>
      job.engine.advance((MIDNIGHT + 1_000 * now) * 1_000, into(outputs)),
    );
    if (version && now > newest) await load(job, (newest = now));
    if (!kill || !kills) continue;
    job.engine.close();
    job = await open(plan, file, DEFAULT_TIME_POLICY);
    expect(await job.engine.references.resume('R', ORIGIN)).toEqual({
      path: `${newest}.json`,
      validFromUs: (MIDNIGHT + 1_000 * newest) * 1_000,
      rows: KEYS.length,
    });
  }
  await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
  const rows = await rowsOf(job, plan);
  job.engine.close();
  await rm(file);
  return rows;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    partition: fc.constantFrom(...PARTITIONS),
    arrivals: fc.array(
      fc.record({ late: fc.integer({ min: -2, max: 9 }), k: fc.constantFrom(...KEYS), v: fc.nat(9) }),
      { maxLength: 6 },
    ),
    pause: fc.nat(6),
    version: fc.boolean(),
    kill: fc.boolean(),
  }),
  { minLength: 2, maxLength: runs(5, 8) },
);

const QUERIES = {
  'of events': 'SELECT s.k, s.v, r.[from] AS f FROM [i] s TIMESTAMP BY t JOIN r ON s.k = r.k',
  'of windows':
    'WITH w AS (SELECT k, COUNT(*) AS n FROM [i] TIMESTAMP BY t GROUP BY k, TumblingWindow(second, 3)) SELECT w.k, w.n, r.[from] AS f FROM w LEFT JOIN r ON w.k = r.k',
  'of rows that wait for others':
    'WITH w AS (SELECT k, LAG(v) OVER (PARTITION BY k LIMIT DURATION(second, 9)) AS l FROM [i] TIMESTAMP BY t) SELECT w.k, w.l, r.[from] AS f FROM w JOIN r ON w.k = r.k',
  'of joined streams':
    'SELECT a.k, a.v, b.v AS later, r.[from] AS f FROM [i] a TIMESTAMP BY t JOIN [i] b TIMESTAMP BY t ON a.k = b.k AND DATEDIFF(second, a, b) BETWEEN 0 AND 9 JOIN r ON a.k = r.k',
  'before a window':
    'SELECT r.[from] AS f, COUNT(*) AS n FROM [i] s TIMESTAMP BY t JOIN r ON s.k = r.k GROUP BY r.[from], HoppingWindow(second, 6, 3)',
};

for (const [at, [name, query]] of Object.entries(QUERIES).entries())
  test(
    `a kill never changes the version of reference data ${name}`,
    { timeout: 300_000, ...fullAfter(2, at) },
    async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (taken) => {
          const expected =
            query === QUERIES['of events'] ? rowsOfEvents(taken) : await run(query, taken, false);
          expect(await run(query, taken, true)).toEqual(expected);
        }),
        { numRuns: RUNS },
      );
    },
  );

test('a version is held as long as a join of streams can need it', async () => {
  const plan = translate(
    'SELECT r.[from] AS f FROM [i] a TIMESTAMP BY t JOIN [i] b TIMESTAMP BY t ON b.v = a.v + 1 AND DATEDIFF(second, a, b) BETWEEN 0 AND 100 JOIN r ON a.k = r.k',
  );
  const job = await open(plan, newFile(), DEFAULT_TIME_POLICY);
  const arrive = (s: number, v: number): Promise<void> => {
    const event = toEvent({ partition: 0, number: v, k: 'a', v, s, arrived: s });
    return commit(job, new Map(), (outputs) => job.engine.process('i', [event], into(outputs)));
  };
  const advance = (second: number): Promise<void> =>
    commit(job, new Map(), (outputs) =>
      job.engine.advance((MIDNIGHT + 1_000 * second) * 1_000, into(outputs)),
    );
  const held = async (): Promise<unknown[]> => {
    const read = await job.engine.connection.runAndReadAll(
      'SELECT path FROM state.reference_versions ORDER BY valid_from_us',
    );
    return read.getRows().flat();
  };
  await load(job, 0);
  await arrive(5, 1);
  await load(job, 10);
  await advance(60);
  await load(job, 50);
  await arrive(80, 2);
  await advance(90);
  expect(await rowsOf(job, plan)).toEqual(['0']);
  // A row that is emitted from then on has an event of the base after second 298.
  await advance(500);
  await load(job, 300);
  expect(await held()).toEqual(['50.json', '300.json']);
  job.engine.close();
});

test('versions of another place are not continued with', async () => {
  const plan = translate(QUERIES['of events']);
  const file = newFile();
  let job = await open(plan, file);
  await load(job, 5);
  job.engine.close();
  job = await open(plan, file);
  expect(await job.engine.references.resume('r', 'account/other/{date}/{time}.json')).toBeUndefined();
  await load(job, 2);
  const arrival = { partition: 0, number: 0, k: 'a', v: 1, s: 21, arrived: 21 };
  await commit(job, new Map(), (outputs) => job.engine.process('i', [toEvent(arrival)], into(outputs)));
  expect(await rowsOf(job, plan)).toEqual(['a 1 2']);
  job.engine.close();
});
