import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { expect, test, vi } from 'vitest';
import { runFiles } from '../../analytics/fileRun';
import { translate } from '../../analytics/query';
import { sliceEnds } from '../../analytics/slices';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';

const ROWS = 1_000;
/** of a slice from which no rows are kept */
const MAX_ROWS = 25;

test.each([1, 2, 5])(
  'slices of %i inputs are nearly full, and not larger than the maximum',
  async (inputs) => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    try {
      const [source] = translate('SELECT n FROM i TIMESTAMP BY t').sources;
      if (!source) throw new Error('the query has no source');
      const loaded = Array.from({ length: inputs }, (_, i) => ({
        source,
        stored: `events_${i}`,
        time: 't',
        sql: `SELECT * FROM events_${i}`,
      }));
      for (const [i, { stored }] of loaded.entries())
        await connection.run(
          `CREATE TABLE ${stored} AS SELECT make_timestamp(1000000 * n + ${i}) AS t FROM range(${ROWS}) AS events(n)`,
        );
      const maxRows = 200;
      const { ends } = await sliceEnds(connection, loaded, maxRows);
      const all = Array.from({ length: ROWS }, (_, n) => loaded.map((__, i) => 1_000_000 * n + i)).flat();
      const sizes = [-Infinity, ...ends].map((from, i) => {
        const to = ends[i] ?? Infinity;
        return all.filter((us) => us >= from && us < to).length;
      });
      expect(Math.max(...sizes)).toBeLessThanOrEqual(maxRows);
      expect(sizes.length).toBeLessThanOrEqual(Math.ceil((1.3 * ROWS * inputs) / maxRows));
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  },
);

test('slices grow with the rows that are kept from them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-slices-'));
  const run = vi.spyOn(DuckDBConnection.prototype, 'run');
  try {
    const events = join(folder, 'events');
    const time = (n: number): string => new Date(1_000 * n).toISOString();
    await writeFile(events, Array.from({ length: ROWS }, (_, n) => `{"n":${n},"t":"${time(n)}"}\n`).join(''));
    const slicesFor = async (duration: string): Promise<number> => {
      run.mockClear();
      const plan = translate(
        `SELECT n, LAG(n, 1) OVER (LIMIT DURATION(${duration})) AS last FROM i TIMESTAMP BY t`,
      );
      const [source] = plan.sources;
      await runFiles({
        plan,
        policy: DEFAULT_TIME_POLICY,
        inputs: new Map([['i', [events]]]),
        references: new Map(),
        outputs: new Map(plan.outputs.map(({ table }) => [table, join(folder, 'rows')])),
        maxSliceRows: MAX_ROWS,
      });
      return run.mock.calls.filter(([sql]) => sql.includes(`TEMP VIEW ${source?.table ?? ''} AS`)).length;
    };
    expect(await slicesFor('second, 5')).toBe(ROWS / MAX_ROWS);
    // Each slice has as many rows as all before it.
    expect(await slicesFor('day, 7')).toBeLessThanOrEqual(Math.ceil(Math.log2(ROWS / MAX_ROWS)) + 2);
  } finally {
    run.mockRestore();
    await rm(folder, { recursive: true, force: true });
  }
});
