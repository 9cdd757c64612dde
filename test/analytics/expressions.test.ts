import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { GEOGRAPHY } from '../../analytics/functions/geography';
import { QueryError, translate } from '../../analytics/query';
import { FUNCTIONS } from '../../analytics/query/functions';
import { propertyRuns } from '../testSize';
import { choiceOf, seeds } from './model/choice';
import { PARAMETERS, declaredQuery } from './model/expressions';
import { payloadsInEngine, payloadsInFile, payloadsOf } from './model/payloadRuns';

/** Types that do not match, and keys that are missing in GROUP BY, are refused. */
function isAccepted(query: string): boolean {
  try {
    translate(query);
    return true;
  } catch (error) {
    if (error instanceof QueryError) return false;
    throw error;
  }
}

test('every function of the language is tried', () => {
  const tried = Object.keys(PARAMETERS).map((name) => name.toLowerCase());
  expect(tried.sort()).toEqual([...FUNCTIONS.keys(), ...Object.keys(GEOGRAPHY)].sort());
});

test(
  'a query that is accepted gives the same rows on a file and in batches, or an event stops it',
  { timeout: 3_600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 12 }), fc.nat(12), async (seed, count, cut) => {
        const query = declaredQuery(seed);
        fc.pre(isAccepted(query));
        const payloads = payloadsOf(choiceOf(seed).whole, count);
        const rows = await payloadsInFile(query, payloads);
        expect(await payloadsInEngine(query, [payloads.slice(0, cut), payloads.slice(cut)]), query).toEqual(
          rows,
        );
      }),
      // Found cases are for the full run: a test of every change must not fail by chance.
      propertyRuns(4, 50, 5),
    );
  },
);

// The least and the greatest DateTime of .NET, which programs send for want of a time.
test.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.9999999Z'])(
  'an event at %s has its rows',
  async (t) => {
    const event = JSON.stringify({ t, a: 1 });
    const query = `
      SELECT COUNT(*) AS grouped INTO x FROM [i] TIMESTAMP BY t GROUP BY System.Timestamp()
      SELECT COUNT(*) OVER (LIMIT DURATION(second, 1)) AS before INTO y FROM [i] TIMESTAMP BY t
      SELECT a.a AS joined INTO z FROM [i] a TIMESTAMP BY t JOIN [i] b TIMESTAMP BY t ON a.a = b.a AND DATEDIFF(second, a, b) = 0`;
    const rows = ['{"before":1}', '{"grouped":1}', '{"joined":1}'];
    expect(await payloadsInFile(query, [event])).toEqual(rows);
    expect(await payloadsInEngine(query, [[event]])).toEqual(rows);
  },
);
