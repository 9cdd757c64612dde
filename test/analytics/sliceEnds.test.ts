import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { translate } from '../../analytics/query';
import { sliceEnds } from '../../analytics/slices';

const ROWS = 1_000;

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
      const ends = await sliceEnds(connection, loaded, maxRows);
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
