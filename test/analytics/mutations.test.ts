import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { stubScripts } from '../../analytics/functions';
import { QueryError, translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { propertyRuns } from '../testSize';

const GOLDEN = join(__dirname, 'golden');
/** Longer ones, such as 3,000 parentheses, would only be cut. */
const MAX_LENGTH = 3_000;
const QUERIES = readdirSync(GOLDEN)
  .map((name) => readFileSync(join(GOLDEN, name, 'query.asaql'), 'utf8'))
  .filter((text) => text.length < MAX_LENGTH);

const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"[^"]*"|\[[^\]]*\]|[\p{L}_@][\p{L}\p{N}_]*|\d+(?:\.\d+)?|\s+|./gsu;
const PIECES = [
  ...['0', '-1', "''", "'x'", 'NULL', '1e308', '9223372036854775807', '9223372036854775808', '*', 'COUNT(*)'],
  ...["'2026-01-01T00:00:00Z'", 'System.Timestamp()', '(', ')', ',', '.', '+', '%', '=', '<>', '[x]', '""'],
  ...[
    'AND',
    'NOT',
    'OVER',
    'GROUP BY',
    'HAVING',
    'UNION',
    'LEFT JOIN',
    'AS',
    'CROSS APPLY',
    'DISTINCT',
    'IN',
    'LIKE',
  ],
];
const CALLS = [
  ...['ABS(#)', 'MAX(#)', 'COUNT(DISTINCT #)', 'UPPER(#)', 'LAG(#) OVER (LIMIT DURATION(second, 5))', '(#)'],
  ...[
    'SUM(#) OVER (LIMIT DURATION(second, 5))',
    'CAST(# AS bigint)',
    'TRY_CAST(# AS datetime)',
    'Collect(#)',
  ],
  ...['GetArrayElement(#, 0)', 'COALESCE(#, 1)', 'NOT #', '- #', '# #', '#.#'],
];

/** Words that hardly anything can replace. */
const KEYWORD =
  /^(select|from|where|group|by|having|into|with|as|and|or|not|is|null|like|between|in|case|when|then|else|end|over|partition|limit|duration|timestamp|join|left|outer|cross|inner|apply|on|union|all|distinct|order|desc|asc|create|table|tumbling\w*|hopping\w*|sliding\w*|session\w*|windows?|second|minute|hour|day|offset)$/i;
/** Names and literals: most changes of them are valid queries. */
const isValue = (token: string): boolean => /^['[\p{L}\d]/u.test(token) && !KEYWORD.test(token);
const VALUES = [
  ...['a', 'b', 't', "'x'", '1', '2.5', 'NULL', 'System.Timestamp()', 'TRY_CAST(a AS bigint)', 'COUNT(*)'],
  ...[
    'TRY_CAST(t AS datetime)',
    'TRY_CAST(b AS record)',
    'MAX(a)',
    'LAG(a) OVER (LIMIT DURATION(second, 5))',
  ],
];

/** A change of one token: deleted, replaced, followed by another, or put into a call. */
const change = fc.oneof(
  fc.constant(() => ''),
  fc.constantFrom(...PIECES).map((piece) => () => piece),
  fc.constantFrom(...PIECES).map((piece) => (token: string) => `${token} ${piece}`),
  fc.constantFrom(...CALLS).map((call) => (token: string) => call.replaceAll('#', () => token)),
);
const valueChange = fc.oneof(
  fc.constantFrom(...VALUES).map((value) => () => value),
  fc.constantFrom(...CALLS.slice(0, -1)).map((call) => (token: string) => call.replaceAll('#', () => token)),
);
const mutant = fc
  .tuple(
    fc.constantFrom(...QUERIES),
    fc.array(
      fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            one: fc.nat(),
            other: fc.nat(),
            changed: fc.option(valueChange),
            of: fc.constant('values' as const),
          }),
        },
        fc.record({
          one: fc.nat(),
          other: fc.nat(),
          changed: fc.option(change),
          of: fc.constant('tokens' as const),
        }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([query, changes]) => {
    const tokens = query.match(TOKEN) ?? [];
    const code = tokens.flatMap((token, i) => (/^(\s|--|\/\*)/.test(token) ? [] : [i]));
    const isExpression = (i: number, at: number): boolean =>
      isValue(tokens[i] ?? '') &&
      !/^(\.|as|into|from|join|with|apply)$/i.test(tokens[code[at - 1] ?? -1] ?? '') &&
      !/^[.(]$/.test(tokens[code[at + 1] ?? -1] ?? '');
    const places = { tokens: code, values: code.filter(isExpression) };
    for (const { one, other, changed, of } of changes) {
      const i = places[of][one % places[of].length] ?? 0;
      const j = places[of][other % places[of].length] ?? 0;
      if (changed) tokens[i] = changed(tokens[i] ?? '');
      else [tokens[i], tokens[j]] = [tokens[j] ?? '', tokens[i] ?? ''];
    }
    return tokens.join('');
  });

const EVENTS = [
  '{"a":1,"b":5,"s":"x","t":"2026-01-01T00:00:01Z","time":"2026-01-01T00:00:01Z","items":[1,{"x":2},null]}',
  '{"a":9223372036854775807,"b":null,"s":"\\ud83d","t":"9999-12-31T23:59:59.9999999Z","items":"x"}',
  '{"a":"1","b":{"c":[1]},"s":[],"t":5,"value":1e308,"items":{"ArrayValue":1}}',
  '[{"a":1},{"a":"b"}]',
  '{}',
];

test(
  'a query that was changed at random runs, or is refused with its place',
  { timeout: 1_500_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(mutant, async (text) => {
        const refusal = await run(text);
        if (refusal === undefined) return;
        const { at, message } = refusal;
        expect(at.line).toBeGreaterThan(0);
        expect(at.line).toBeLessThanOrEqual(text.split('\n').length);
        expect(message).not.toMatch(/ Error: |asa_|field_\d|undefined|\[object|\n/);
      }),
      propertyRuns(60, 600, 21),
    );
  },
);

/** @returns what the query was refused or stopped for */
async function run(text: string): Promise<QueryError | undefined> {
  try {
    const plan = translate(text);
    const engine = await createEngine(plan, DEFAULT_TIME_POLICY, stubScripts(plan.functions));
    try {
      const write = async ({ rowsSql }: (typeof plan.outputs)[number]): Promise<void> => {
        for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows())
          JSON.parse(String(row));
      };
      const events = EVENTS.map((body) => ({ body, enqueuedUs: undefined }));
      for (const input of new Set(plan.sources.map((source) => source.input)))
        await engine.process(input, events, write);
      await engine.advance(Infinity, write);
    } finally {
      engine.close();
    }
    return undefined;
  } catch (error) {
    // With a cause, it is a fault of the translation.
    if (error instanceof QueryError && error.cause === undefined) return error;
    throw error;
  }
}
