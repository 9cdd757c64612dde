import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import type { Job } from '../../../analytics/job';
import { translate } from '../../../analytics/query';
import { readFilter } from '../../../local/dashboard/filter';
import { createView } from '../../../local/dashboard/view';

const NAMES = ['event', 'message_id', 'device_id', 'product_code', 'product_state'];

test('a whole number beyond 2^53 is shown with all its digits', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const columns = NAMES.map((name) => `TRY_CAST(${name} AS nvarchar(max)) AS ${name}`).join(', ');
  const plan = translate(
    `SELECT ${columns}, TRY_CAST(price AS float) AS price, TRY_CAST(product_id AS bigint) AS product_id INTO o FROM [i]`,
  );
  await connection.run("ATTACH ':memory:' AS results");
  await connection.run(
    `CREATE TABLE results.o AS SELECT ${NAMES.map((name) => `'x' AS ${name}`).join(', ')}, 1.5::DOUBLE AS price,
       9007199254740993::BIGINT AS product_id, now() AT TIME ZONE 'UTC' AS __ts, 1 AS __seq`,
  );
  const counts = { events: 1, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  const state: ReturnType<Job['state']> = {
    ...{ status: 'running', problem: undefined, counts, lagMs: undefined, references: [], next: undefined },
  };
  const job: Job = { plan, connection, state: () => state, close: () => Promise.resolve() };
  const { recent, products } = await createView(job, 'query.asaql')(readFilter({}));
  expect(recent[0]?.productId).toBe('9007199254740993');
  expect(products[0]?.productId).toBe('9007199254740993');
  connection.closeSync();
  instance.closeSync();
});
