import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { countReads } from '../../analytics/job/countReads';

test('a connection ends after the reads that are running, and takes no more', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const { connection, end } = countReads(await instance.connect());
  const read = connection.runAndReadAll('SELECT sum(hash(a.range) % 7) FROM range(3_000_000) AS a');
  const failing = connection.runAndReadAll('SELECT nothing').catch((error: unknown) => error);
  await end();
  connection.closeSync();
  instance.closeSync();
  expect((await read).getRows()).toHaveLength(1);
  expect(await failing).toBeInstanceOf(Error);
  await expect(connection.runAndReadAll('SELECT 1')).rejects.toThrow('the job has ended');
});
