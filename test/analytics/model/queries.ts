/** Generates queries of composed steps, each with its meaning. */

import type * as fc from 'fast-check';
import { QueryError, translate } from '../../../analytics/query';
import { MIDNIGHT } from '../interpreter';
import { type AnalyticCall, analytic, isFirst, lag, last, rolling } from './analytic';
import { type Choice, choiceOf, seeds } from './choice';
import type { InputTime, Row, Streams } from './rows';
import {
  type Condition,
  type From,
  type GroupParts,
  type JoinBound,
  type Model,
  applied,
  grouping,
  input,
  joined,
  joinedThree,
  plain,
  step,
  subquery,
  union,
  withReference,
} from './selects';
import { AGGREGATES, type WindowModel, hopping, session, sliding, snapshot, tumbling } from './windows';

export interface ModelQuery {
  sql: string;
  /** names of the inputs that it reads */
  inputs: readonly string[];
  /** the rows of all outputs as texts, sorted. @throws {Undetermined} */
  rows: (streams: Streams) => string[];
  toString: () => string;
}

function conditionOf({ of, whole }: Choice): Condition {
  const c = whole(0, 6);
  return of<Condition>([
    { sql: ({ v }) => `${v} > ${c}`, test: ({ v }) => v !== null && v > c },
    { sql: ({ v }) => `${v} IS NOT NULL`, test: ({ v }) => v !== null },
    { sql: ({ v }) => `(${v} IS NULL OR ${v} <> ${c})`, test: ({ v }) => v !== c },
    { sql: ({ k }) => `${k} = 'a'`, test: ({ k }) => k === 'a' },
    {
      sql: ({ v }) => `${v} BETWEEN ${c - 2} AND ${c + 2}`,
      test: ({ v }) => v !== null && v >= c - 2 && v <= c + 2,
    },
    {
      sql: ({ k, v }) => `NOT (${k} = 'b' AND ${v} < ${c})`,
      test: ({ k, v }) => (k !== null && k !== 'b') || (v !== null && v >= c),
    },
  ]);
}

const maybe = <T>({ chance }: Choice, share: number, make: () => T): T | undefined =>
  chance(share) ? make() : undefined;

function windowOf({ of, whole }: Choice): WindowModel {
  const [one, other] = [whole(1, 9), whole(1, 9)];
  const [most, little] = [Math.max(one, other), Math.min(one, other)];
  return of([
    () => tumbling(one),
    () => tumbling(one, of([0, 1, -2])),
    () => hopping(most, little, of([0, 0, 1, -2])),
    () => sliding(one),
    () => session(little, most),
    () => snapshot,
  ])();
}

function boundOf({ of, whole }: Choice): JoinBound {
  const [one, other] = [whole(-4, 6), whole(0, 6)];
  return {
    low: Math.min(one, other),
    high: Math.max(one, other, 0),
    unit: of(['second', 'second', 'millisecond']),
    form: of(['between', 'mirrored', 'compared']),
  };
}

function callOf({ of, whole, chance }: Choice): AnalyticCall {
  const s = whole(1, 9);
  const known = (values: readonly (number | null)[]): number[] => values.filter((one) => one !== null);
  return of([
    () => lag(1, s, null),
    () => lag(whole(1, 3), s, chance(0.5) ? 7 : null),
    () => last(s),
    () => isFirst(s, MIDNIGHT),
    () => rolling('COUNT(*)', s, (values) => values.length),
    () => rolling('COUNT(v)', s, (values) => known(values).length),
    () => rolling('MAX(v)', s, (values) => (known(values).length > 0 ? Math.max(...known(values)) : null)),
    () => rolling('MIN(v)', s, (values) => (known(values).length > 0 ? Math.min(...known(values)) : null)),
    () =>
      rolling('SUM(TRY_CAST(v AS bigint))', s, (values) =>
        known(values).length > 0 ? known(values).reduce((all, v) => all + v, 0) : null,
      ),
  ])();
}

function groupOf(choice: Choice, from: From): GroupParts {
  const { of, chance, whole } = choice;
  const aggregate = of(AGGREGATES.filter(({ wholeRow }) => from.isPlain || wholeRow !== true));
  const first = windowOf(choice);
  const several = chance(0.2) && first !== snapshot;
  const more = several ? [windowOf(choice)].filter((one) => one !== snapshot) : [];
  const least = whole(1, 3);
  return {
    ...{ from, aggregate, windows: [first, ...more], timeIsKey: chance(0.1) && first !== snapshot },
    where: maybe(choice, 0.2, () => conditionOf(choice)),
    keyed: of(['key', 'key', 'none', 'session', ...(from.isPlain ? (['partition'] as const) : [])]),
    having: maybe(choice, 0.2, () =>
      of([
        { sql: () => `COUNT(*) > ${least}`, test: (rows: readonly Row[]) => rows.length > least },
        {
          sql: (v: string) => `MAX(${v}) > ${least}`,
          test: (rows: readonly Row[]) => rows.some(({ v }) => v !== null && v > least),
        },
      ]),
    ),
    showsId: chance(0.3),
  };
}

/** All inputs of a query have OVER, or none has. */
const timesOf = ({ chance }: Choice): readonly InputTime[] =>
  chance(0.2) ? ['substreams'] : ['own', 'own', 'own', 'arrival'];

/** What a SELECT reads: inputs, the steps so far, and their joins. */
function fromOf(choice: Choice, steps: number, times: readonly InputTime[]): From {
  const { of, whole, chance } = choice;
  const plainFrom = (): From =>
    steps > 0 && chance(0.7)
      ? step(Math.max(whole(0, steps - 1), whole(0, steps - 1)))
      : input(of(['i', 'i', 'j']), of(times));
  const kind = whole(1, 10);
  if (kind <= 5) return plainFrom();
  if (kind === 6) return applied(of(['i', 'j']), of(times), of(['CROSS', 'OUTER']));
  if (kind === 7) return withReference(plainFrom(), chance(0.5));
  if (kind === 8)
    return subquery(
      plain(
        plainFrom(),
        maybe(choice, 0.5, () => conditionOf(choice)),
      ),
      `x${steps}`,
    );
  if (kind === 9 && chance(0.3))
    return joinedThree(plainFrom(), plainFrom(), plainFrom(), boundOf(choice), boundOf(choice));
  return joined(plainFrom(), plainFrom(), {
    bound: boundOf(choice),
    above: maybe(choice, 0.3, () => whole(0, 5)),
    isLeft: chance(0.5),
    value: of(['a.v', 'b.v', 'COALESCE(b.v, 77)', 'a.v + b.v']),
  });
}

function selectOf(choice: Choice, steps: number, times: readonly InputTime[]): Model {
  const { chance, whole } = choice;
  const from = fromOf(choice, steps, times);
  const kind = whole(1, 10);
  if (kind <= 4) return grouping(groupOf(choice, from));
  if (kind <= 7 && from.isPlain)
    return analytic({
      ...{ from, call: callOf(choice), when: maybe(choice, 0.4, () => conditionOf(choice)) },
      keyed: choice.of(['key', 'partition', 'none']),
      where: maybe(choice, 0.2, () => conditionOf(choice)),
      isFilter: chance(0.2),
    });
  return plain(
    from,
    maybe(choice, 0.4, () => conditionOf(choice)),
  );
}

export function queryOf(seed: number): ModelQuery {
  const choice = choiceOf(seed);
  const { chance, whole } = choice;
  const times = timesOf(choice);
  const steps: Model[] = [];
  for (let i = whole(1, 4); i > 0; i--) {
    const one = selectOf(choice, steps.length, times);
    steps.push(chance(0.15) ? union([one, selectOf(choice, steps.length, times)]) : one);
  }
  const outputs = [steps.length - 1, ...(chance(0.2) ? [whole(0, steps.length - 1)] : [])];
  return modelQuery(steps, outputs);
}

/** @param outputs the steps that are written */
export function modelQuery(steps: readonly Model[], outputs: readonly number[]): ModelQuery {
  const sql = `WITH ${steps.map((one, i) => `s${i} AS (${one.sql})`).join(',\n')}\n${outputs
    .map(
      (one, i) =>
        `SELECT DATEDIFF(millisecond, '2026-01-01', System.Timestamp()) AS e, k, v INTO o${i} FROM s${one}`,
    )
    .join('\n')}`;
  return {
    sql,
    inputs: ['i', 'j'].filter((one) => sql.includes(`[${one}]`)),
    rows: (streams) => {
      const done: Row[][] = [];
      const scope = { ...streams, steps: done };
      for (const one of steps) done.push(one.rows(scope));
      return outputs
        .flatMap((one) => (done[one] ?? []).map(({ t, k, v }) => JSON.stringify({ e: t, k, v })))
        .sort();
    },
    toString: () => sql,
  };
}

/** TIMESTAMP BY … OVER forbids GROUP BY without its column, for example. */
function isAllowed({ sql }: ModelQuery): boolean {
  try {
    translate(sql);
    return true;
  } catch (error) {
    if (error instanceof QueryError && error.message.includes('TIMESTAMP BY … OVER')) return false;
    throw error;
  }
}

export const modelQueries: fc.Arbitrary<ModelQuery> = seeds.map(queryOf).filter(isAllowed);
