import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { propertyRuns } from '../testSize';
import { policies } from './interpreter';
import { type ModelQuery, modelQueries } from './model/queries';
import { FOUND } from './model/foundCases';
import { type Streams, Undetermined } from './model/rows';
import { events, versionsOf } from './model/events';
import { batches, inBatches, onFiles, readings, withKills } from './model/runs';

/** Of 20,000 queries. */
const TIMEOUT_MS = 7_200_000;
const OPTIONS = propertyRuns(1, 20, 3);

/** The rows by the model; undefined where the documentation does not define them. */
function definedRows(query: ModelQuery, streams: Streams): string[] | undefined {
  try {
    return query.rows(streams);
  } catch (error) {
    if (error instanceof Undetermined) return undefined;
    throw error;
  }
}

test('batches give the rows of the documentation, wherever they end', { timeout: TIMEOUT_MS }, async () => {
  await fc.assert(
    fc.asyncProperty(modelQueries, events, policies, batches(12), async (query, all, policy, taken) => {
      const streams = { events: all, policy, versions: versionsOf(all) };
      const expected = definedRows(query, streams) ?? (await inBatches(query.sql, streams, []));
      expect(await inBatches(query.sql, streams, taken)).toEqual(expected);
    }),
    OPTIONS,
  );
});

test(
  'a file gives the rows of the documentation, wherever slices of time end',
  { timeout: TIMEOUT_MS },
  async () => {
    await fc.assert(
      fc.asyncProperty(modelQueries, events, policies, readings, async (query, all, policy, reading) => {
        const streams = { events: all, policy, versions: [0] };
        const defined = definedRows(query, streams);
        // The events of two inputs are numbered independently in files.
        fc.pre(defined !== undefined || query.inputs.length < 2);
        const expected = defined ?? (await inBatches(query.sql, streams, []));
        expect(await onFiles(query.sql, streams, reading)).toEqual(expected);
      }),
      OPTIONS,
    );
  },
);

test(
  'a job gives the rows of the documentation, wherever it is killed',
  { timeout: TIMEOUT_MS },
  async () => {
    await fc.assert(
      fc.asyncProperty(modelQueries, events, policies, batches(6), async (query, all, policy, taken) => {
        const streams = { events: all, policy, versions: versionsOf(all) };
        const expected = definedRows(query, streams) ?? (await inBatches(query.sql, streams, []));
        expect(await withKills(query.sql, streams, taken)).toEqual(expected);
      }),
      OPTIONS,
    );
  },
);

test.each(Object.entries(FOUND))('%s', async (_, { query, rows, ...found }) => {
  const streams = { ...found, versions: [0] };
  expect(await inBatches(query, streams, [])).toEqual(rows);
  for (const maxSliceRows of [2, 1_000])
    expect(await onFiles(query, streams, { isFeed: true, maxSliceRows })).toEqual(rows);
});
