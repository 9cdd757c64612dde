/** A slow, simple matcher for MATCH_RECOGNIZE, written from its page of the reference, and generated queries for it. */

import * as fc from 'fast-check';
import type { Interpreter, Row } from './interpreter';

type Pattern =
  | { kind: 'variable'; name: string }
  | { kind: 'sequence' | 'alternatives'; parts: Pattern[] }
  | { kind: 'repeat'; part: Pattern; least: number; most: number };

/** The events of a partial match in their order, each with its variable. */
type Matched = readonly { variable: string; row: Row }[];

/** A condition in the language, and what it means for an event (the last of the given ones) and those before it. */
type Condition = readonly [text: string, holds: (event: Row, matched: Matched) => boolean];

interface Match {
  pattern: Pattern;
  conditions: Readonly<Record<string, Condition>>;
  /** whether each key has matches of its own */
  byKey: boolean;
  /** LIMIT DURATION, seconds */
  duration: number;
}

const valuesOf = (matched: Matched, variable: string): number[] =>
  matched.filter((one) => one.variable === variable).map(({ row }) => row.v);
const max = (values: readonly number[]): number => Math.max(...values);
const min = (values: readonly number[]): number => Math.min(...values);

const CONDITIONS: Record<string, Condition[]> = {
  a: [
    ['a.v > 2', ({ v }) => v > 2],
    ["a.v < 7 AND a.k = 'a'", ({ v, k }) => v < 7 && k === 'a'],
    ['Last(a.v) <> 4', ({ v }) => v !== 4],
    ['Max(a.v) < 8', (_, matched) => max(valuesOf(matched, 'a')) < 8],
    ['First(a.v) <= a.v', ({ v }, matched) => (valuesOf(matched, 'a')[0] ?? NaN) <= v],
  ],
  b: [
    ['b.v > 4', ({ v }) => v > 4],
    ['b.v < Last(a.v)', ({ v }, matched) => v < (valuesOf(matched, 'a').at(-1) ?? NaN)],
    [
      'Max(b.v) > 2 * Min(a.v)',
      (_, matched) => max(valuesOf(matched, 'b')) > 2 * min(valuesOf(matched, 'a')),
    ],
    [
      'b.v + First(a.v) BETWEEN 5 AND 2 * Last(b.v) OR Min(a.v) IS NULL',
      ({ v }, matched) => {
        const [first] = valuesOf(matched, 'a');
        return first === undefined || (v + first >= 5 && v + first <= 2 * v);
      },
    ],
  ],
};

const pattern = fc.letrec<{ pattern: Pattern; variable: Pattern }>((tie) => ({
  variable: fc.constantFrom('a', 'b', 'c', '.').map((name) => ({ kind: 'variable', name })),
  pattern: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    tie('variable'),
    fc
      .tuple(
        fc.constantFrom('sequence' as const, 'alternatives' as const),
        fc.array(tie('pattern'), { minLength: 2, maxLength: 3 }),
      )
      .map(([kind, parts]) => ({ kind, parts })),
    fc
      .tuple(
        tie('pattern'),
        fc.constantFrom([0, Infinity], [1, Infinity], [0, 1], [2, 2], [1, 3], [2, Infinity]),
      )
      .map(([part, [least = 0, most = 0]]) => ({ kind: 'repeat' as const, part, least, most })),
  ),
})).pattern;

export const matches: fc.Arbitrary<Match> = fc.record({
  pattern,
  conditions: fc.record({
    a: fc.constantFrom(...(CONDITIONS.a ?? [])),
    b: fc.constantFrom(...(CONDITIONS.b ?? [])),
  }),
  byKey: fc.boolean(),
  duration: fc.integer({ min: 1, max: 12 }),
});

function textOf(one: Pattern): string {
  switch (one.kind) {
    case 'variable':
      return one.name;
    case 'sequence':
      return `(${one.parts.map(textOf).join(' ')})`;
    case 'alternatives':
      return `(${one.parts.map(textOf).join(' | ')})`;
    case 'repeat': {
      const { least, most } = one;
      const simple = most === 1 ? '?' : most === Infinity && least < 2 ? '*+'.charAt(least) : undefined;
      const range = least === most ? `{${least}}` : `{${least},${most === Infinity ? '' : most}}`;
      return `(${textOf(one.part)})${simple ?? range}`;
    }
  }
}

function variablesOf(one: Pattern): string[] {
  if (one.kind === 'variable') return one.name === '.' ? [] : [one.name];
  return one.kind === 'repeat' ? variablesOf(one.part) : one.parts.flatMap(variablesOf);
}

const END = "DATEDIFF(second, '2026-01-01', System.Timestamp())";

/** Measures of a variable, and their values. */
const measured = (variable: string): [text: string, value: (matched: Matched) => string][] => {
  const of = (
    kind: string,
    value: (values: number[]) => number | undefined,
  ): ReturnType<typeof measured>[number] => [
    `${kind}(${variable}.v) AS ${kind}_${variable}`,
    (matched) => String(value(valuesOf(matched, variable)) ?? 'null'),
  ];
  const orNone = (values: number[], value: (values: number[]) => number): number | undefined =>
    values.length > 0 ? value(values) : undefined;
  return [
    of('First', (values) => values[0]),
    of('Last', (values) => values.at(-1)),
    of('Min', (values) => orNone(values, min)),
    of('Max', (values) => orNone(values, max)),
  ];
};

/** The query, or undefined if no condition names a variable of its pattern. */
export function queryOf({ pattern: one, conditions, byKey, duration }: Match): string | undefined {
  const used = [...new Set(variablesOf(one))];
  const defined = Object.entries(conditions).filter(([variable]) => used.includes(variable));
  if (defined.length === 0 || (!used.includes('a') && (conditions.b?.[0] ?? '').includes('a.')))
    return undefined;
  return `SELECT * FROM [i] TIMESTAMP BY t MATCH_RECOGNIZE (LIMIT DURATION(second, ${duration}) ${byKey ? 'PARTITION BY k' : ''}
    MEASURES ${END} AS e, Classifier() AS c, ${used.flatMap((variable) => measured(variable).map(([text]) => text)).join(', ')}
    AFTER MATCH SKIP TO NEXT ROW PATTERN (${textOf(one)})
    DEFINE ${defined.map(([variable, [text]]) => `${variable} AS ${text}`).join(', ')}) AS m`;
}

/** Tries all ways to match, the preferred ones first: as many events as possible, and the left alternative. */
function firstMatch({ pattern: whole, conditions }: Match, rows: readonly Row[]): Matched | undefined {
  type Next = (matched: Matched) => Matched | undefined;
  const attempt = (one: Pattern, matched: Matched, next: Next): Matched | undefined => {
    switch (one.kind) {
      case 'variable': {
        const row = rows[matched.length];
        if (!row) return undefined;
        const more = [...matched, { variable: one.name, row }];
        const holds = conditions[one.name]?.[1] ?? (() => true);
        return holds(row, more) ? next(more) : undefined;
      }
      case 'sequence': {
        const [first, ...rest] = one.parts;
        if (!first) return next(matched);
        return attempt(first, matched, (after) => attempt({ kind: 'sequence', parts: rest }, after, next));
      }
      case 'alternatives':
        for (const part of one.parts) {
          const found = attempt(part, matched, next);
          if (found) return found;
        }
        return undefined;
      case 'repeat': {
        const { part, least, most } = one;
        const after = { ...one, least: Math.max(0, least - 1), most: most - 1 };
        const again =
          most > 0
            ? attempt(part, matched, (more) =>
                // Beyond the least number of repetitions, one without events changes nothing.
                least === 0 && more.length === matched.length ? undefined : attempt(after, more, next),
              )
            : undefined;
        return again ?? (least === 0 ? next(matched) : undefined);
      }
    }
  };
  return attempt(whole, [], (matched) => (matched.length > 0 ? matched : undefined));
}

/** A match begins at each event. All its events are younger than the first one plus the duration. */
export const interpretMatch =
  (match: Match): Interpreter =>
  (rows) => {
    const used = [...new Set(variablesOf(match.pattern))];
    const partitions = match.byKey
      ? [...new Set(rows.map(({ k }) => k))].map((k) => rows.filter((row) => row.k === k))
      : [rows];
    return partitions.flatMap((partition) =>
      partition.flatMap((start, i) => {
        const near = partition.slice(i).filter(({ s }) => s < start.s + match.duration);
        const matched = firstMatch(match, near);
        if (!matched) return [];
        const values = used.flatMap((variable) => measured(variable).map(([, value]) => value(matched)));
        const names = JSON.stringify(matched.map(({ variable }) => variable));
        return [[matched.at(-1)?.row.s, names, ...values].join(' ')];
      }),
    );
  };
