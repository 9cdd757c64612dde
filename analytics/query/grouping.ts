import { AGGREGATES, type GroupRows, holdsAggregate } from './aggregates';
import type { Expression, Select, Window } from './ast';
import { translateExpression, translatePredicate } from './expression';
import type { GroupedSelect } from './plan';
import { QueryError } from './queryError';
import type { Binding, Column, Scope } from './scope';
import { spanUs } from './timeUnits';
import { type Typed, name } from './types';

/** Stream Analytics: "The maximum size of the window in all cases is 7 days." */
const MAX_WINDOW_US = 7 * 86_400_000_000;

interface GroupingParts {
  select: Select;
  /** the input of events that it stems from */
  input: string;
  scope: Scope;
  /** table of the result */
  table: string;
  /** FROM and its joins */
  tables: string;
  where: string;
  /** SQL of what orders rows of one time */
  rowNumber: string;
  columnsOf: (
    select: Select,
    translateItem: (expression: Expression) => Typed,
    bindings: readonly Binding[],
  ) => { column: Column; sql: string }[];
}

/**
 * A SELECT with GROUP BY. Rows are reduced at once to the keys and the arguments of aggregates, and only these wait for
 * their window to end; equal ones wait as one where the aggregates allow it.
 */
export function createGrouping(parts: GroupingParts): GroupedSelect {
  const { select, scope, table, tables, where, rowNumber, columnsOf } = parts;
  const { window, keys } = readGroupBy(select);
  const rowContext = { scope, timestamp: scope.timestamp };
  const kept = new Map<string, { column: string; typed: Typed }>();
  const keepTyped = (typed: Typed): Typed => {
    const known = kept.get(typed.sql) ?? { column: `k${kept.size}`, typed };
    kept.set(typed.sql, known);
    return { sql: known.column, type: typed.type };
  };
  const asked = { single: false };
  const rows: GroupRows = {
    single: () => {
      asked.single = true;
    },
    keep: (expression) => keepTyped(translateExpression(expression, rowContext)),
    keepRow: () => {
      const [only, second] = scope.bindings;
      if (!only || second) throw new QueryError('the whole record of a JOIN is not covered', select.at);
      return keepTyped({ sql: only.star, type: 'record' });
    },
  };

  const keyColumns = new Map(
    keys.map((key) => {
      const typed = translateExpression(key, rowContext);
      return [typed.sql, keepTyped(typed)] as const;
    }),
  );
  const context = {
    scope,
    timestamp: '__window_end',
    replace: (expression: Expression): Typed | undefined => {
      if (expression.kind === 'call') {
        const aggregate = AGGREGATES[expression.name.toLowerCase()];
        if (aggregate) return aggregate(expression, rows);
        if (expression.name.toLowerCase() === 'system.timestamp') return undefined;
      }
      if (expression.kind === 'allRows') return undefined;
      const key = holdsAggregate(expression)
        ? undefined
        : keyColumns.get(translateExpression(expression, rowContext).sql);
      if (!key && expression.kind === 'path')
        throw new QueryError(
          `'${expression.path.join('.')}' is neither in GROUP BY nor in an aggregate`,
          expression.at,
        );
      return key;
    },
  };
  const items = columnsOf(select, (expression) => translateExpression(expression, context), scope.bindings);
  const star = select.items.find(({ kind }) => kind === 'star');
  if (star) throw new QueryError("'*' has no place beside GROUP BY", star.at);
  const sameName = (a: string | null | undefined, b: string | undefined): boolean =>
    a?.toLowerCase() === b?.toLowerCase();
  // HAVING, and only it, may call a result by its alias.
  const ofAlias = (expression: Expression): Expression | undefined => {
    if (expression.kind !== 'path' || expression.path.length > 1) return undefined;
    const [called] = expression.path;
    if (keys.some((key) => key.kind === 'path' && sameName(key.path.at(-1), called))) return undefined;
    const item = select.items.find((one) => one.kind === 'item' && sameName(one.alias, called));
    return item?.kind === 'item' ? item.expression : undefined;
  };
  const havingContext = {
    ...context,
    replace: (expression: Expression): Typed | undefined => {
      const meant = ofAlias(expression);
      return meant ? translateExpression(meant, context) : context.replace(expression);
    },
  };
  const having = select.having ? ` HAVING ${translatePredicate(select.having, havingContext)}` : '';

  const { ends, bucket, hopUs, sizeUs, offsetUs } = windowEnds(window);
  const groupedBy = ['__window_end', ...[...keyColumns.values()].map(({ sql }) => sql)].join(', ');
  const keptTable = `kept_${table}`;
  const columns = [...kept.values()].map(({ column }) => `${column}, `).join('');
  const collapses = !asked.single && bucket !== undefined;
  const keepSql = `SELECT ${[...kept].map(([sql, { column }]) => `${sql} AS ${column}, `).join('')}${scope.timestamp} AS __ts, ${rowNumber} AS __seq, 1 AS __n FROM ${tables}${where}`;
  const collapseSql = (rows: string, time: string): string =>
    `SELECT ${columns}${time} AS __ts, min(__seq) AS __seq, CAST(sum(__n) AS BIGINT) AS __n FROM ${rows} GROUP BY ALL`;
  return {
    kind: 'grouped',
    input: parts.input,
    table,
    keptTable,
    columns: items.map(({ column }) => column),
    at: select.at,
    hopUs,
    offsetUs,
    spanUs: collapses ? sizeUs - hopUs : sizeUs,
    keepSql: collapses ? collapseSql(`(${keepSql})`, bucket) : keepSql,
    collapseSql: collapses ? collapseSql(name(keptTable), '__ts') : undefined,
    sql: `SELECT ${items.map(({ column, sql }) => `${sql} AS ${name(column.name)}`).join(', ')}, __window_end AS __ts, min(__seq) AS __seq, 0 AS __row
      FROM (SELECT *, ${ends} AS __window_end FROM ${name(keptTable)})
      WHERE __window_end > $from AND __window_end <= $to GROUP BY ${groupedBy}${having}`,
  };
}

function readGroupBy({ groupBy, at }: Select): {
  window: Window | undefined;
  keys: Expression[];
} {
  const windows = groupBy.filter((one) => one.kind === 'window');
  const [window, second] = windows;
  if (second) throw new QueryError('a GROUP BY has one window', second.at);
  const expressions = groupBy.filter((one) => one.kind !== 'window');
  const isTime = (one: Expression): boolean =>
    one.kind === 'call' && one.name.toLowerCase() === 'system.timestamp';
  const snapshot = expressions.some(isTime);
  if (!window && !snapshot)
    throw new QueryError(
      'an aggregate over a stream needs a window in GROUP BY, such as TumblingWindow(minute, 1)',
      at,
    );
  return { window, keys: expressions.filter((one) => !isTime(one)) };
}

/** SQL of the ends of the windows that hold a row: one for tumbling windows, several for hopping ones. */
function windowEnds(window: Window | undefined): {
  ends: string;
  /** SQL of a time that rows share when the same windows hold them; undefined where a hop does not divide the window */
  bucket: string | undefined;
  hopUs: number;
  sizeUs: number;
  offsetUs: number;
} {
  if (!window) return { ends: '__ts', bucket: '__ts', hopUs: 0, sizeUs: 0, offsetUs: 0 };
  const { at } = window;
  const [sizeUs, hopUs] = [spanUs(window.size, at), spanUs(window.hop, at)];
  const offsetUs = window.offset ? spanUs(window.offset, at) : 0;
  if (sizeUs <= 0 || hopUs <= 0) throw new QueryError('a window lasts longer than nothing', at);
  if (sizeUs > MAX_WINDOW_US) throw new QueryError('a window lasts 7 days at the most', at);
  const first = `asa_window_end(__ts, ${hopUs}, ${offsetUs})`;
  const ends =
    hopUs === sizeUs
      ? first
      : `unnest(range(${first}, __ts + to_microseconds(${sizeUs}), to_microseconds(${hopUs})))`;
  return { ends, bucket: sizeUs % hopUs === 0 ? first : undefined, hopUs, sizeUs, offsetUs };
}
