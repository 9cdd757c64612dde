/** Translates GROUP BY and the windows in it. */

import { type GroupRows, aggregateIn, findAggregate, holdsAggregate, requireNoHistory } from './aggregates';
import type { Expression, Position, Select, Window } from './ast';
import { distinctKey } from './comparison';
import { createContext, translatePredicate } from './expression';
import { type Kept, type StreamSource, type TemporalNode } from './plan';
import { QueryError } from './queryError';
import { type Column, type Context, type Projected, asColumn, isInput, recordSql, same } from './scope';
import { type Typed, name } from './types';
import { windowId, windowSql } from './windows';

interface GroupingParts {
  select: Select;
  /** of a row before it is grouped */
  rowContext: Context;
  /** keys of FROM's PARTITION BY: rows with different values are not grouped together */
  partitionBy: readonly Expression[];
  /** table of the result */
  table: string;
  /** SQL of rows: those columns, and `__ts`, `__seq` and `__row` */
  rowsSql: (columns: string) => string;
  /** whether `__row` orders rows of one event */
  fansOut: boolean;
  columnsOf: (translate: (expression: Expression) => Typed) => Projected[];
  sources: readonly StreamSource[];
  delayUs: number;
}

const isTimestamp = (one: Expression): boolean =>
  one.kind === 'call' && one.name.toLowerCase() === 'system.timestamp';

/**
 * A SELECT with GROUP BY. Rows are reduced at once to the keys and the arguments of aggregates, and only these wait for
 * their window to end; equal ones wait as one where the aggregates allow it. An inner query has the keys and the
 * aggregates as columns. An outer query computes the expressions from these columns.
 */
export function planGrouping(parts: GroupingParts): { node: TemporalNode; columns: Column[] } {
  const { select, rowContext, table, rowsSql, fansOut, columnsOf } = parts;
  const first = firstOf(fansOut);
  const { windows, keys, timeIsKey } = readGroupBy(select);
  const kept = new Map<string, string>();
  const keep = ({ sql, type }: Typed): Typed => {
    const stored = type === 'null' ? 'CAST(NULL AS VARCHAR)' : sql;
    const column = kept.get(stored) ?? `k${kept.size}`;
    kept.set(stored, column);
    return { sql: column, type };
  };
  const asked = { single: false };
  const { scope } = rowContext;
  const rows: GroupRows = {
    order: fansOut ? '__ts, __seq, __row' : '__ts, __seq',
    single: () => {
      asked.single = true;
    },
    keep: (expression) => keep(rowContext.translate(expression)),
    keepRow: () => keep({ sql: recordSql(scope.bindings.flatMap((one) => one.star())), type: 'record' }),
    isInput: (arg) => isInput(scope, arg),
  };
  keys.push(...parts.partitionBy);
  const keyColumns = new Map(
    keys.map((key) => {
      return [keySql(key, rowContext), keep(rowContext.translate(key))] as const;
    }),
  );
  if (timeIsKey) keyColumns.set('__ts', keep({ sql: rowContext.timestamp, type: 'datetime' }));

  const aggregates = new Map<string, string>();
  const replace = (expression: Expression): Typed | undefined => {
    if (expression.kind === 'allRows') return undefined;
    if (expression.kind === 'call') {
      const key = expression.name.toLowerCase();
      const aggregate = expression.over?.limit ? undefined : findAggregate(key);
      if (aggregate) {
        requireNoHistory(expression);
        const { sql, type } = aggregate(expression, rows, '');
        const column = aggregates.get(sql) ?? `a${aggregates.size}`;
        aggregates.set(sql, column);
        return { sql: column, type };
      }
      if (key === 'system.timestamp') return undefined;
      if (key === 'system.window') return { sql: "json_object('Id', __window_id)", type: 'record' };
    }
    if (expression.kind === 'member' && isSystemWindow(expression.operand)) {
      const [member = ''] = expression.path;
      if (expression.path.length === 1 && same(member, 'Id')) return { sql: '__window_id', type: 'nvarchar' };
      throw new QueryError('System.Window() has only the field Id: write System.Window().Id', expression.at);
    }
    const key = holdsAggregate(expression) ? undefined : keyColumns.get(keySql(expression, rowContext));
    if (!key && expression.kind === 'path')
      throw new QueryError(
        `'${expression.path.join('.')}' is neither in GROUP BY nor in an aggregate: add it to GROUP BY, or use an aggregate such as MAX(…)`,
        expression.at,
      );
    return key;
  };
  const star = select.items.find(({ kind }) => kind === 'star');
  if (star)
    throw new QueryError(
      "'*' cannot be selected together with GROUP BY or an aggregate: list the keys and aggregates instead",
      star.at,
    );
  const context = createContext(scope, '__window_end', replace);
  const items = columnsOf(context.translate);
  const havingContext = createContext(scope, '__window_end', (expression) => {
    const meant = ofAlias(select, keys, expression);
    return meant ? context.translate(meant) : replace(expression);
  });
  const having = select.having ? ` WHERE ${translatePredicate(select.having, havingContext)}` : '';

  const keptTable = `kept_${table}`;
  const keyNames = [...keyColumns.values()].map(distinctKey);
  const found = windows.map((window) =>
    windowSql(
      window,
      window.type === 'session'
        ? [...window.partitionBy, ...parts.partitionBy].map((key) =>
            distinctKey(keep(rowContext.translate(key))),
          )
        : [],
    ),
  );
  const aggregated = [...aggregates].map(([sql, column]) => `${sql} AS ${column}, `).join('');
  const groups = found.map((one, i) => {
    const selected = [...keyColumns.values()].map((key) => `${representative(key)} AS ${key.sql}, `).join('');
    const grouped = ['__window_end', ...keyNames, ...one.keys].join(', ');
    const id = windowId(windows[i] ?? { kind: 'window', type: 'snapshot', id: null, at: select.at });
    return `SELECT ${selected}${aggregated}__window_end, ${id} AS __window_id, ${first.sql}, ${i} AS __window FROM (${one.rows(keptTable, keyNames)}) GROUP BY ${grouped}`;
  });
  const [only] = found;
  const hops = found.length === 1 ? only : undefined;
  const bucket = asked.single || timeIsKey ? undefined : hops?.bucket;
  const columns = [...kept].map(([sql, column]) => `${sql} AS ${column}, `).join('');
  const keptRows: Kept = {
    table: keptTable,
    sql: fansOut
      ? rowsSql(`${columns}1 AS __n, `)
      : `SELECT * EXCLUDE (__row) FROM (${rowsSql(`${columns}1 AS __n, `)})`,
    spanUs: Math.max(...found.map((one) => one.spanUs)),
    collapseSql: undefined,
    retainSql: retainSql(found, keptTable),
  };
  const names = [...kept.values()].map((column) => `${column}, `).join('');
  const collapse = (from: string, time: string): string =>
    `SELECT ${names}__n, __ts, ${first.columns} FROM (
      SELECT ${names}CAST(sum(__n) AS BIGINT) AS __n, ${time} AS __ts, ${first.sql} FROM ${from} GROUP BY ALL)`;
  const resultSql = `SELECT ${items.map(asColumn).join(', ')}, __window_end AS __ts, ${first.seq} AS __seq, ${first.rowAfter('__window')} AS __row FROM (${groups.join(' UNION ALL ')})${having}`;
  const node: TemporalNode = {
    kind: 'temporal',
    table,
    kept: [
      bucket === undefined
        ? keptRows
        : {
            ...keptRows,
            sql: collapse(`(${keptRows.sql})`, bucket),
            spanUs: Math.max(0, keptRows.spanUs - (hops?.hopUs ?? 0)),
            collapseSql: collapse(name(keptTable), '__ts'),
          },
    ],
    sql: select.distinct ? distinctSql(resultSql, items) : resultSql,
    hopUs: hops?.hopUs ?? 0,
    offsetUs: hops?.offsetUs ?? 0,
    delayUs: parts.delayUs,
    sources: parts.sources,
    at: select.at,
  };
  return { node, columns: items.map(({ column }) => column) };
}

/** SQL of the first of a group's rows, which places the group among others of its time. */
function firstOf(fansOut: boolean): {
  /** of the aggregate, as a column `__first` */
  sql: string;
  /** of its `__seq`, and of it and its `__row` where rows have one, over `__first` */
  seq: string;
  columns: string;
  /** of its `__row` behind a number */
  rowAfter: (number: string) => string;
} {
  if (!fansOut)
    return {
      sql: 'min(__seq) AS __first',
      seq: '__first',
      columns: '__first AS __seq',
      rowAfter: (number) => `[CAST(${number} AS BIGINT)]`,
    };
  return {
    sql: 'min(struct_pack(seq := __seq, place := __row)) AS __first',
    seq: '__first.seq',
    columns: '__first.seq AS __seq, __first.place AS __row',
    rowAfter: (number) => `list_prepend(CAST(${number} AS BIGINT), __first.place)`,
  };
}

/** SQL of the value of a key that a group gets: the least text of its equal values, so that batches do not matter. */
const representative = (key: Typed): string => (distinctKey(key) === key.sql ? key.sql : `min(${key.sql})`);

/** SQL of the first of equal rows with the same time. */
function distinctSql(sql: string, items: readonly Projected[]): string {
  const keys = items.map(({ column }) => distinctKey({ sql: name(column.name), type: column.type }));
  return `SELECT * FROM (${sql}) QUALIFY row_number() OVER (PARTITION BY ${[...keys, '__ts'].join(', ')} ORDER BY __seq, __row) = 1`;
}

const isSystemWindow = (one: Expression): boolean =>
  one.kind === 'call' && one.name.toLowerCase() === 'system.window';

/** If one of the windows is a session, rows are needed until their session has ended and no other window needs them. */
function retainSql(found: readonly ReturnType<typeof windowSql>[], kept: string): string | undefined {
  const sessions = found.filter(({ retain }) => retain !== undefined);
  if (sessions.length === 0) return undefined;
  const spanUs = Math.max(...found.map((one) => one.spanUs));
  const parts = sessions.map(({ retain }) => retain?.(kept) ?? '');
  // By their ids, because rows of one message may be equal.
  return `SELECT * FROM ${kept} WHERE __ts > $until - to_microseconds(${spanUs}) OR rowid IN (${parts.join(' UNION ')})`;
}

/** HAVING, and only it, may call a result by its alias. */
function ofAlias(
  select: Select,
  keys: readonly Expression[],
  expression: Expression,
): Expression | undefined {
  if (expression.kind !== 'path' || expression.path.length > 1) return undefined;
  const [called = ''] = expression.path;
  if (keys.some((key) => key.kind === 'path' && same(key.path.at(-1) ?? '', called))) return undefined;
  const item = select.items.find((one) => one.kind === 'item' && same(one.alias ?? '', called));
  return item?.kind === 'item' ? item.expression : undefined;
}

/** SQL that is the same for the same expression in another place, although its SQL can name its place in errors. */
function keySql(expression: Expression, { translate }: Context): string {
  const { sql } = translate(expression);
  if (!/'\d+:\d+/.test(sql)) return sql;
  try {
    return translate(withoutPlaces(expression)).sql;
  } catch (error) {
    // An analytic function is known by its node, which the copy does not have. It cannot be a key.
    if (error instanceof QueryError) return sql;
    throw error;
  }
}

const NO_PLACE: Position = { line: 0, column: 0 };

function withoutPlaces<T>(node: T): T {
  if (Array.isArray(node)) return node.map(withoutPlaces) as T;
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, one]) => [key, key === 'at' ? NO_PLACE : withoutPlaces<unknown>(one)]),
  ) as T;
}

function readGroupBy({ groupBy, items, having, at }: Select): {
  windows: Window[];
  keys: Expression[];
  /** System.Timestamp() beside a window */
  timeIsKey: boolean;
} {
  const [named, second] = groupBy.filter((one) => one.kind === 'window' || one.kind === 'windows');
  if (second)
    throw new QueryError('GROUP BY can have only one window: for several, write Windows(…)', second.at);
  const expressions = groupBy.filter((one) => one.kind !== 'window' && one.kind !== 'windows');
  const time = expressions.find(isTimestamp);
  const keys = expressions.filter((one) => !isTimestamp(one));
  if (named) {
    const windows = named.kind === 'windows' ? named.windows : [named];
    const ids = windows.flatMap(({ id }) => id?.toLowerCase() ?? []);
    if (ids.length > 0 && (ids.length < windows.length || new Set(ids).size < ids.length))
      throw new QueryError(
        "Windows(…) needs a different id for each window, as in Window('short', TumblingWindow(second, 10))",
        named.at,
      );
    return { windows, keys, timeIsKey: time !== undefined };
  }
  if (!time) {
    const aggregate = aggregateIn(items) ?? aggregateIn(having);
    if (aggregate) requireNoHistory(aggregate);
    throw new QueryError(
      `${keys.length > 0 ? 'GROUP BY needs a window' : 'an aggregate over a stream needs a window in GROUP BY'}, such as TumblingWindow(minute, 1)`,
      (keys[0] ?? aggregate)?.at ?? at,
    );
  }
  return { windows: [{ kind: 'window', type: 'snapshot', id: null, at: time.at }], keys, timeIsKey: false };
}

/** A name that a column without an alias gets. */
export function titleOf(expression: Expression): string {
  if (expression.kind === 'path') return expression.path.at(-1) ?? '';
  if (expression.kind === 'member') return expression.path.at(-1) ?? '';
  if (expression.kind === 'call') return expression.name.replace(/^.*\./, '').toLowerCase();
  if (expression.kind === 'cast') return expression.attempt ? 'try_cast' : 'cast';
  return 'expression';
}
