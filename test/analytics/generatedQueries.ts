/** Generates queries of composed steps. Each step has the columns `k` and `v`, so that any step can read any other. */

import * as fc from 'fast-check';
import { QueryError, translate } from '../../analytics/query';

interface Steps {
  /** WITH steps, in their order */
  steps: string[];
  /** the step that is read */
  last: string;
}

const seconds = fc.integer({ min: 1, max: 9 });
const spans = fc.tuple(seconds, seconds).map(([a, b]) => [Math.max(a, b), Math.min(a, b)] as const);

const base = fc
  .constantFrom('[i] TIMESTAMP BY t', '[i] TIMESTAMP BY t OVER k', '[i]', '[i] TIMESTAMP BY t PARTITION BY k')
  .chain((from) =>
    fc.constantFrom(
      `SELECT k, v FROM ${from}`,
      `SELECT k, v FROM ${from} WHERE v > 2`,
      `SELECT i.k, e.ArrayValue AS v FROM ${from.replace('[i]', '[i] AS i')} CROSS APPLY GetArrayElements(i.list) AS e`,
      `SELECT i.k, e.ArrayValue AS v FROM ${from.replace('[i]', '[i] AS i')} OUTER APPLY GetArrayElements(i.list) AS e`,
      `SELECT i.k, r.f + i.v AS v FROM ${from.replace('[i]', '[i] AS i')} JOIN r ON i.k = r.k`,
    ),
  );

const tumbling = seconds.map((size) => `TumblingWindow(second, ${size})`);
const window = fc.oneof(
  tumbling,
  spans.map(([size, hop]) => `HoppingWindow(second, ${size}, ${hop})`),
  seconds.map((size) => `SlidingWindow(second, ${size})`),
  spans.map(([most, timeout]) => `SessionWindow(second, ${timeout}, ${most})`),
  spans.map(([most, timeout]) => `SessionWindow(second, ${timeout}, ${most}) OVER (PARTITION BY k)`),
  fc.constant('System.Timestamp()'),
  fc
    .tuple(tumbling, spans)
    .map(
      ([one, [size, hop]]) =>
        `Windows(Window('a', ${one}), Window('b', HoppingWindow(second, ${size}, ${hop})))`,
    ),
);
const aggregate = fc.constantFrom(
  ...['COUNT(*)', 'MAX(v)', 'MIN(v)', 'SUM(TRY_CAST(v AS bigint))', 'COUNT(DISTINCT v)', 'COUNT(v)'],
  ...['Collect(v)', 'CollectTop(2, v) OVER (ORDER BY v DESC)', 'TopOne() OVER (ORDER BY v)', 'uda.joined(v)'],
  'PERCENTILE_DISC(0.5) OVER (ORDER BY v)',
);
const limit = fc
  .tuple(
    seconds,
    fc.constantFrom('', ' WHEN v > 3', ' WHEN v IS NOT NULL'),
    fc.constantFrom('', 'PARTITION BY k '),
  )
  .map(([size, when, key]) => ({
    over: `OVER (${key}LIMIT DURATION(second, ${size})${when})`,
    when,
    key,
    size,
  }));
const analytic = fc
  .tuple(
    limit,
    fc.constantFrom(
      'LAG(v)',
      'LAG(v, 2, 7)',
      'LAST(v)',
      'ISFIRST',
      'COUNT(*)',
      'MAX(v)',
      'SUM(TRY_CAST(v AS bigint))',
    ),
  )
  .map(([{ over, when, key, size }, call]) =>
    call === 'ISFIRST'
      ? `ISFIRST(second, ${size}) OVER (${key}${when.trimStart()})`.replace(' OVER ()', '')
      : `${call} ${over}`,
  );

/** A SELECT over the named steps. */
const over = (sources: readonly string[]): fc.Arbitrary<string> => {
  const source = fc.constantFrom(...sources);
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(source, aggregate, window)
        .map(([s, agg, win]) => `SELECT k, ${agg} AS v FROM ${s} GROUP BY k, ${win}`),
    },
    fc
      .tuple(source, aggregate, window)
      .map(([s, agg, win]) => `SELECT MAX(k) AS k, ${agg} AS v FROM ${s} GROUP BY ${win}`),
    {
      weight: 3,
      arbitrary: fc.tuple(source, analytic).map(([s, call]) => `SELECT k, ${call} AS v FROM ${s}`),
    },
    fc
      .tuple(source, source, seconds, fc.constantFrom('JOIN', 'LEFT JOIN'))
      .map(
        ([a, b, size, join]) =>
          `SELECT a.k AS k, b.v AS v FROM ${a} a ${join} ${b} b ON a.k = b.k AND DATEDIFF(second, a, b) BETWEEN 0 AND ${size}`,
      ),
    fc
      .tuple(source, source)
      .map(([a, b]) => `SELECT k, v FROM ${a} UNION SELECT k, v FROM ${b} WHERE v IS NOT NULL`),
    source.map((s) => `SELECT s.k AS k, r.f AS v FROM ${s} s LEFT JOIN r ON s.k = r.k`),
    source.map((s) => `SELECT k, v FROM ${s} WHERE v IS NOT NULL`),
  );
};

const extended = (depth: number, { steps, last }: Steps): fc.Arbitrary<Steps> =>
  depth === 0
    ? fc.constant({ steps, last })
    : over(steps.map((_, i) => `s${i}`)).chain((select) =>
        extended(depth - 1, { steps: [...steps, select], last: `s${steps.length}` }),
      );

const TIME = "DATEDIFF(millisecond, '2026-01-01', System.Timestamp()) AS e";

/** One or two outputs, with the time of each row. */
export const queries: fc.Arbitrary<string> = fc
  .tuple(base, fc.integer({ min: 1, max: 3 }), fc.boolean())
  .chain(([first, depth, two]) =>
    extended(depth, { steps: [first], last: 's0' }).chain(({ steps, last }) =>
      fc.constant(
        `WITH ${steps.map((step, i) => `s${i} AS (${step})`).join(',\n')}\nSELECT ${TIME}, k, v INTO x FROM ${last}${two ? `\nSELECT ${TIME}, k, v INTO y FROM s${Math.floor(steps.length / 2)}` : ''}`,
      ),
    ),
  );

/** An aggregate may refuse what a step returns, such as MAX of an array. OVER needs its column in GROUP BY and ON. */
export function isAccepted(query: string): boolean {
  try {
    translate(query);
    return true;
  } catch (error) {
    if (error instanceof QueryError && /^\w+ (does not take|takes)|TIMESTAMP BY … OVER/.test(error.message))
      return false;
    throw error;
  }
}
