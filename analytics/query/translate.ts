import type { Expression, Join, Query, Select, Source } from './ast';
import { translateExpression, translatePredicate } from './expression';
import { createGrouping } from './grouping';
import { parse } from './parse';
import { type Output, type Plan, type PlannedSelect, type StreamSource, referenceTable } from './plan';
import { QueryError } from './queryError';
import {
  type Binding,
  type Column,
  type PayloadFields,
  type ReferenceUse,
  createPayloadFields,
  createScope,
  referenceBinding,
  stepBinding,
  streamBinding,
} from './scope';
import { holdsAggregate } from './aggregates';
import { type Typed, convert, name, quote, toJson } from './types';

/**
 * Translates a Stream Analytics query into DuckDB SQL.
 *
 * @throws {QueryError} at the first construct that is wrong or not covered, by its name
 */
export function translate(text: string): Plan {
  const query = parse(text);
  const sources = new Map<string, StreamSource>();
  /** by lower-case name of their input */
  const payloads = new Map<string, PayloadFields>();
  const references = new Map<string, ReferenceUse>();
  const selects: PlannedSelect[] = [];
  const steps = new Map<string, PlannedSelect>();
  const streams = streamNames(query);

  /** FROM: an input of events or an earlier step. */
  function from(source: Source): { sql: string; binding: Binding; input: string } {
    const alias = source.alias ?? source.name;
    const step = steps.get(source.name.toLowerCase());
    if (step) {
      if (source.timestampBy)
        throw new QueryError('TIMESTAMP BY belongs to an input, not to a WITH step', source.timestampBy.at);
      return {
        sql: `${name(step.table)} AS ${name(alias)}`,
        binding: stepBinding(alias, source.name, step.columns),
        input: step.input,
      };
    }
    const key = `${source.name.toLowerCase()} ${timestampKey(source.timestampBy, alias)}`;
    const fields = payloads.get(source.name.toLowerCase()) ?? createPayloadFields();
    payloads.set(source.name.toLowerCase(), fields);
    const known = sources.get(key) ?? createSource(source, alias, `batch_${sources.size}`, fields);
    sources.set(key, known);
    return {
      sql: `${name(known.table)} AS ${name(alias)}`,
      binding: streamBinding(alias, fields),
      input: source.name,
    };
  }

  function join({ source, at }: Join): Binding {
    const key = source.name.toLowerCase();
    if (steps.has(key) || streams.has(key))
      throw new QueryError(
        `a JOIN of two streams ('${source.name}' is one) is not covered by the local translation`,
        at,
      );
    if (source.timestampBy)
      throw new QueryError(
        'TIMESTAMP BY belongs to an input of events, not to reference data',
        source.timestampBy.at,
      );
    const use = references.get(key) ?? { name: source.name, fields: new Map(), wholeRows: false };
    references.set(key, use);
    return referenceBinding(source.alias ?? source.name, use);
  }

  function plan(select: Select, table: string): PlannedSelect {
    const base = from(select.from);
    const bindings = [base.binding];
    let tables = base.sql;
    let row = `${name(base.binding.alias)}.__row`;
    for (const one of select.joins) {
      const binding = join(one);
      if (bindings.some(({ alias }) => alias.toLowerCase() === binding.alias.toLowerCase()))
        throw new QueryError(`the name '${binding.alias}' is used twice in this FROM`, one.source.at);
      bindings.push(binding);
      const scope = createScope(bindings);
      const on = translatePredicate(one.on, { scope, timestamp: scope.timestamp });
      const alias = name(binding.alias);
      const version = `${scope.timestamp} >= ${alias}.valid_from AND ${scope.timestamp} < ${alias}.valid_to`;
      row = `coalesce(${alias}.__row, 0)`;
      tables += ` ${one.kind === 'left' ? 'LEFT' : 'INNER'} JOIN ${name(referenceTable(one.source.name))} AS ${alias} ON ${on} AND ${version}`;
    }
    const scope = createScope(bindings);
    const context = { scope, timestamp: scope.timestamp };
    const where = select.where ? ` WHERE ${translatePredicate(select.where, context)}` : '';
    const rowNumber = `${name(base.binding.alias)}.__seq`;
    const grouped = select.groupBy.length > 0 || select.items.some(holdsAggregate);
    if (grouped)
      return createGrouping({ select, input: base.input, scope, table, tables, where, rowNumber, columnsOf });
    if (select.having) throw new QueryError('HAVING needs a GROUP BY', select.having.at);
    const items = columnsOf(select, (expression) => translateExpression(expression, context), scope.bindings);
    const columns = items.map(({ column, sql }) => `${sql} AS ${name(column.name)}`).join(', ');
    return {
      kind: 'plain',
      input: base.input,
      table,
      columns: items.map(({ column }) => column),
      at: select.at,
      sql: `SELECT ${columns}, ${scope.timestamp} AS __ts, ${rowNumber} AS __seq, ${row} AS __row FROM ${tables}${where}`,
    };
  }

  for (const { name: stepName, select, at } of query.steps) {
    if (steps.has(stepName.toLowerCase())) throw new QueryError(`the step '${stepName}' is there twice`, at);
    if (select.into) throw new QueryError('INTO has no place in a WITH step', at);
    const planned = plan(select, `step_${steps.size}`);
    selects.push(planned);
    steps.set(stepName.toLowerCase(), planned);
  }
  const written = new Set<string>();
  const outputs: Output[] = query.statements.map((select, i) => {
    const planned = plan(select, `result_${i}`);
    selects.push(planned);
    const output = select.into ?? 'output';
    if (written.has(output.toLowerCase()))
      throw new QueryError(`the output '${output}' is written by two statements`, select.at);
    written.add(output.toLowerCase());
    return {
      name: output,
      input: planned.input,
      table: planned.table,
      columns: planned.columns,
      rowsSql: rowsSql(planned),
      at: select.at,
    };
  });
  return { sources: [...sources.values()], references: [...references.values()], selects, outputs };
}

/** Names that stand in FROM: these are streams, whatever else joins them. */
function streamNames({ steps, statements }: Query): Set<string> {
  const selects = [...steps.map(({ select }) => select), ...statements];
  return new Set(selects.map(({ from }) => from.name.toLowerCase()));
}

function createSource(
  { name: input, timestampBy, at }: Source,
  alias: string,
  table: string,
  fields: PayloadFields,
): StreamSource {
  if (!timestampBy) return { input, table, fields, timestamp: undefined, at };
  const scope = createScope([streamBinding(alias, fields, { table: 'raw', timestamp: 'enqueued' })]);
  const value = translateExpression(timestampBy, { scope, timestamp: scope.timestamp });
  if (value.type === 'bigint' || value.type === 'float' || value.type === 'bit')
    throw new QueryError(`TIMESTAMP BY wants a datetime, not ${value.type}`, timestampBy.at);
  const timestamp = convert(value, 'datetime', timestampBy.at);
  return { input, table, fields, timestamp, at: timestampBy.at };
}

/** Equal for equal TIMESTAMP BY, however the source is called where it stands. */
function timestampKey(timestampBy: Expression | null, alias: string): string {
  return JSON.stringify(timestampBy, (key, value: unknown) => {
    if (key === 'at') return undefined;
    if (key !== 'path' || !Array.isArray(value)) return value;
    const path = value.map((part) => String(part).toLowerCase());
    return path.length > 1 && path[0] === alias.toLowerCase() ? path.slice(1) : path;
  });
}

/** The columns of a SELECT, each with its SQL. Two of one name are refused. */
function columnsOf(
  { items }: Select,
  translateItem: (expression: Expression) => Typed,
  bindings: readonly Binding[],
): { column: Column; sql: string }[] {
  const taken = new Set<string>();
  return items.map((item, i) => {
    if (item.kind === 'star') {
      if (item.path.length === 0 && bindings.length > 1)
        throw new QueryError("SELECT * over a JOIN is not covered: name the source, as in 'a.*'", item.at);
      const scope = createScope(bindings);
      const whole = item.path.length < 2 ? scope.find(item.path[0]) : undefined;
      const star = whole?.star ?? `asa_record(${scope.field(item.path, item.at).sql})`;
      return { column: { kind: 'star', name: `__star_${i}`, type: 'record' }, sql: star };
    }
    const typed = translateItem(item.expression);
    const title = item.alias ?? titleOf(item.expression);
    if (taken.has(title.toLowerCase()))
      throw new QueryError(
        `the column '${title}' is there twice: give one of them another name with AS`,
        item.at,
      );
    taken.add(title.toLowerCase());
    const sql = typed.type === 'null' ? 'CAST(NULL AS VARCHAR)' : typed.sql;
    return { column: { kind: 'column', name: title, type: typed.type }, sql };
  });
}

function titleOf(expression: Expression): string {
  if (expression.kind === 'path') return expression.path.at(-1) ?? '';
  if (expression.kind === 'call') return expression.name.replace(/^.*\./, '').toLowerCase();
  return 'expression';
}

function rowsSql({ table, columns }: PlannedSelect): string {
  const pairs: string[] = [];
  const parts: string[] = [];
  const flush = (): void => {
    if (pairs.length > 0) parts.push(`json_object(${pairs.splice(0).join(', ')})`);
  };
  for (const { kind, name: title, type } of columns) {
    if (kind === 'star') {
      flush();
      parts.push(name(title));
    } else pairs.push(`${quote(title)}, ${toJson({ sql: name(title), type })}`);
  }
  flush();
  const row = parts.reduce((merged, part) => `asa_merge(${merged}, ${part})`);
  return `SELECT CAST(${row} AS VARCHAR) AS "row" FROM ${name(table)} ORDER BY __ts, __seq, __row`;
}
