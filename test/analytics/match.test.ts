import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QueryError, translate } from '../../analytics/query';
import { runs } from '../testSize';
import { TIME, event, useEngines } from './engineRun';
import { policies } from './interpreter';
import { arrivals, punctualRows, runInterrupted, steps } from './interruptedRun';
import { interpretMatch, matches, queryOf } from './patternMatcher';

/** ANALYTICS_FUZZ_RUNS: how many patterns are tried. */
const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(1, 60));

test(
  'MATCH_RECOGNIZE gives the rows of a simple matcher, wherever batches end, after kills and for late events',
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(matches, arrivals, policies, steps, async (match, rows, policy, taken) => {
        const query = queryOf(match);
        fc.pre(query !== undefined);
        expect(await runInterrupted({ query, policy, rows, steps: taken })).toEqual(
          interpretMatch(match)(punctualRows(rows, policy)).sort(),
        );
      }),
      { numRuns: RUNS },
    );
  },
);

const engines = useEngines();
const open = (query: string): ReturnType<typeof engines> =>
  engines(query, { eventsLateArrivalMaxDelayInSeconds: 0 });
const HEAD = `SELECT * FROM [i] TIMESTAMP BY t MATCH_RECOGNIZE (LIMIT DURATION(second, 10) MEASURES ${TIME} AS e, Classifier() AS c`;
const matching = (pattern: string, define = 'a AS a.v = 1, b AS b.v = 2'): string =>
  `${HEAD} AFTER MATCH SKIP TO NEXT ROW PATTERN (${pattern}) DEFINE ${define}) AS m`;

describe('a match', () => {
  test('is emitted with its last event if no other match can have another length', async () => {
    const { process, advance } = await open(matching('a b'));
    expect(await process(event(1, 1, { v: 1 }), event(3, 3, { v: 2 }))).toEqual([]);
    expect(await advance(4)).toEqual(['3000 a,b']);
  });

  test('is emitted when no event can extend it any more', async () => {
    const { process, advance } = await open(matching('a b+'));
    await process(event(1, 1, { v: 1 }), event(3, 3, { v: 2 }), event(10.999, 10.999, { v: 2 }));
    expect(await advance(20)).toEqual([]);
    expect(await advance(21)).toEqual(['10999 a,b,b']);
  });

  test('contains no event that is as old as LIMIT DURATION after its first', async () => {
    const { process, advance } = await open(matching('a b'));
    await process(event(1, 1, { v: 1 }), event(11, 11, { v: 2 }));
    expect(await advance(100)).toEqual([]);
  });

  test('prefers the left alternative, also if the right one is longer', async () => {
    const { process, advance } = await open(matching('a | a b'));
    await process(event(1, 1, { v: 1 }), event(2, 2, { v: 2 }));
    expect(await advance(100)).toEqual(['1000 a']);
  });

  test('is kept by events with the same time, in their order', async () => {
    const { process, advance } = await open(matching('a b a'));
    await process(event(1, 1, { v: 1 }), event(1, 1, { v: 2 }));
    await process(event(1, 1, { v: 1 }));
    expect(await advance(100)).toEqual(['1000 a,b,a']);
  });
});

test('partial matches in the same state are followed apart if a condition reads their different aggregates', async () => {
  const { process, advance } = await open(matching('.* a .* b', 'b AS b.v = Last(a.v) + 10'));
  await process(...[1, 5, 7, 11].map((v, i) => event(1 + i, 1 + i, { v })));
  // The preferred ways have 5 and 7 as the last 'a': only with 1, 11 is a 'b'. From the second event on, there is none.
  expect(await advance(100)).toEqual(['4000 a,.,.,b']);
});

test('a match waits until no longer one can come, also if a shorter one is complete', async () => {
  const { process, advance } = await open(matching('a b c?', 'a AS a.v = 1, b AS b.v = 2, c AS c.v = 3'));
  await process(event(1, 1, { v: 1 }), event(2, 2, { v: 2 }));
  expect(await advance(2.5)).toEqual([]);
  await process(event(3, 3, { v: 3 }));
  expect(await advance(100)).toEqual(['3000 a,b,c']);
});

test(
  'a match of more than 5,000 events is refused with its place',
  { timeout: 600_000, tags: ['full'] },
  async () => {
    const { process, advance } = await engines(
      matching('a b*', 'a AS a.v = 0, b AS b.v > 0').replace(', Classifier() AS c', ''),
      { eventsLateArrivalMaxDelayInSeconds: 0 },
    );
    const long = (first: number, count: number): ReturnType<typeof event>[] =>
      Array.from({ length: count }, (_, v) => event(first + v / 1_000, first + v / 1_000, { v }));
    await process(...long(1, 5_000));
    expect(await advance(50)).toEqual(['5999']);
    await process(...long(100, 5_001));
    await expect(advance(200)).rejects.toThrow('MATCH_RECOGNIZE follows a match of more than 5000 events');
  },
);

test('a pattern that backtracking would try in exponentially many ways takes no time', async () => {
  const { process, advance } = await open(
    matching('(a* a*)* (a+)+ (a? a?){9} b', 'a AS a.v < 2, b AS b.v = 2'),
  );
  await process(...Array.from({ length: 60 }, (_, i) => event(1 + i / 60, 1 + i / 60, { v: 1 })));
  expect(await advance(100)).toEqual([]);
});

test.each([
  [
    'PATTERN (a b) DEFINE c AS c.v = 1',
    "2:22: DEFINE has 'c', which PATTERN does not have: rename it or remove it",
  ],
  [
    'PATTERN (a b) DEFINE a AS Last(b.v) > 1, b AS b.v > 1',
    "2:32: the definition of 'a' cannot read 'b', which DEFINE has after it: change their order",
  ],
  [
    'AFTER MATCH SKIP PAST LAST ROW PATTERN (a) DEFINE a AS a.v = 1',
    '2:18: after a match, Stream Analytics continues at the next event: write AFTER MATCH SKIP TO NEXT ROW',
  ],
  [
    'PATTERN (a{1000000}) DEFINE a AS a.v = 1',
    '2:10: the pattern is too large: its quantifiers stand for more than 1000 variables or 5000 transitions',
  ],
  [
    'PATTERN ((a?){1000}) DEFINE a AS a.v = 1',
    '2:10: the pattern is too large: its quantifiers stand for more than 1000 variables or 5000 transitions',
  ],
  [
    'PATTERN (a{3,2}) DEFINE a AS a.v = 1',
    '2:10: a quantifier cannot end with 2: write {least,most}, as in {2,5}',
  ],
  [
    'PATTERN (a*? b) DEFINE a AS a.v = 1',
    '2:12: A reluctant quantifier does not exist in Stream Analytics: quantifiers match as many events as possible',
  ],
  [
    'PATTERN () DEFINE a AS a.v = 1',
    '2:10: a pattern consists of variables, |, groups in parentheses, and the quantifiers *, +, ? and {least,most}',
  ],
  ['PATTERN (a b) DEFINE a AS v > 1', "2:27: 'v' must begin with a variable of PATTERN, as in a.v"],
  [
    'PATTERN (a b) DEFINE b AS a.v > 1',
    "2:27: 'a.v' in the definition of 'b': write Last(a.v) for the last event of 'a'",
  ],
  [
    'PATTERN (a b) DEFINE a AS Avg(a.v) > 1',
    '2:27: Avg does not exist in MATCH_RECOGNIZE: use Min, Max, First or Last',
  ],
  [
    'PATTERN (a b) DEFINE a AS Max(a.v + a.w) > 1',
    '2:27: in MATCH_RECOGNIZE, Max takes one field of a variable, as in Max(A.temperature)',
  ],
  [
    'ALL ROWS PER MATCH PATTERN (a) DEFINE a AS a.v = 1',
    '2:1: ALL ROWS PER MATCH does not exist in Stream Analytics: each match gives one row',
  ],
  ['PATTERN (a)', '2:12: PATTERN (…) must be followed by DEFINE'],
])('the rest of MATCH_RECOGNIZE is refused with its place: %s', (rest, expected) => {
  let found = '';
  try {
    translate(`${HEAD}\n${rest}) AS m`);
  } catch (error) {
    if (error instanceof QueryError) found = `${error.at.line}:${error.at.column}: ${error.message}`;
  }
  expect(found).toBe(expected);
});
