import { type ReferenceUse, referenceBinding, stepBinding, streamBinding } from './bindings';
import type { Join, OutputName, Select, SelectQuery, Source } from './ast';
import { type DeclaredColumns, declaredColumns } from './declaredFields';
import { requireShallow } from './depth';
import { createContext, translatePredicate } from './expression';
import type { Located } from './fromClause';
import { parse } from './parse';
import { planMatch } from './matchRecognize';
import { type PayloadFields, eventFields } from './payload';
import {
  type Output,
  type Plan,
  type PlanNode,
  type Relation,
  type StreamSource,
  referenceTable,
} from './plan';
import { type Planner, planSelect } from './planSelect';
import { QueryError } from './queryError';
import { referenceNames } from './roles';
import { asColumn, createScope, recordTextSql, same } from './scope';
import { columnsOf } from './selectList';
import { createSource, timestampKey } from './streamSource';
import { requireTimelines } from './timelines';
import { name } from './types';
import { planUnion } from './union';
import { functionsOf } from './userFunctions';

/**
 * Translates a Stream Analytics query into DuckDB SQL.
 *
 * @throws {QueryError} at the first construct that is wrong or not covered, by its name
 */
export function translate(text: string): Plan {
  const query = parse(text);
  requireShallow(query);
  const sources = new Map<string, StreamSource>();
  /** by lower-case name of their input */
  const payloads = new Map<string, PayloadFields>();
  const references = new Map<string, ReferenceUse>();
  const nodes: PlanNode[] = [];
  const steps = new Map<string, Relation>();
  const bodies = new Map<string, SelectQuery>();
  const referenceSteps = new Map<string, Select>();
  const asReference = referenceNames(query);
  requireTimelines(query, asReference);
  const declared = new Map<string, DeclaredColumns>();
  for (const { name: table, columns, at } of query.tables) {
    if (declared.has(table.toLowerCase()))
      throw new QueryError(`CREATE TABLE defines '${table}' twice: remove one of the definitions`, at);
    declared.set(table.toLowerCase(), declaredColumns(columns));
  }
  let tables = 0;
  const planner: Planner = {
    add: (node) => nodes.push(node),
    tableName: () => `step_${(tables += 1)}`,
    locate: (source, join) => {
      const found = locate(source, join);
      const hidden = source.query || same(found.alias, source.name) ? undefined : source.name;
      return { ...found, binding: { ...found.binding, hidden } };
    },
  };

  function locate(source: Source, join: Join | undefined): Located {
    const alias = source.alias ?? source.name;
    const key = source.name.toLowerCase();
    const step = source.query ? undefined : steps.get(key);
    if (source.query && source.alias === null)
      throw new QueryError('a query in FROM needs a name: write (SELECT …) AS name', source.at);
    if (source.timestampBy && (source.query || step)) {
      const input = wholeInput(source.query ?? bodies.get(key));
      if (input !== undefined) return locate({ ...source, name: input, query: null, alias }, join);
      throw new QueryError(
        `TIMESTAMP BY cannot follow ${step ? `the WITH step '${source.name}'` : 'a query in FROM'}: write it after the input that the ${step ? 'step' : 'query'} reads`,
        source.timestampBy.at,
      );
    }
    if (source.query) return located(alias, alias, planQuery(source.query));
    if (step) return located(alias, source.name, step);
    if (join && asReference.has(key)) return reference(source, alias);
    return stream(source, alias);
  }

  function located(alias: string, step: string, relation: Relation): Located {
    return { kind: 'stream', alias, relation, binding: stepBinding(alias, step, relation.columns) };
  }

  function stream(source: Source, alias: string): Located {
    const key = source.name.toLowerCase();
    const fields = payloads.get(key) ?? eventFields(declared.get(key) ?? new Map());
    payloads.set(key, fields);
    const id = `${key} ${timestampKey([source.timestampBy, source.over], alias)}`;
    const known = sources.get(id) ?? createSource(source, alias, `batch_${sources.size}`, fields);
    sources.set(id, known);
    const relation: Relation = {
      table: known.table,
      columns: [],
      sources: [known],
      delayUs: 0,
      rowLength: 0,
      keepsOrder: true,
      ascends: true,
    };
    return { kind: 'stream', alias, relation, binding: streamBinding(alias, fields) };
  }

  function reference(source: Source, alias: string): Located {
    const step = referenceSteps.get(source.name.toLowerCase());
    if (source.timestampBy)
      throw new QueryError(
        `TIMESTAMP BY cannot follow '${source.name}', which is reference data: remove it`,
        source.timestampBy.at,
      );
    return step ? referenceStep(step, alias, source.name) : referenceInput(source.name, alias);
  }

  function referenceInput(input: string, alias: string): Extract<Located, { kind: 'reference' }> {
    const key = input.toLowerCase();
    const use = references.get(key) ?? {
      name: input,
      fields: new Map(),
      declared: declared.get(key) ?? new Map(),
      wholeRows: false,
    };
    references.set(key, use);
    return {
      kind: 'reference',
      alias,
      sql: name(referenceTable(input)),
      binding: referenceBinding(alias, use),
    };
  }

  /** A step over reference data alone is reference data, too. */
  function referenceStep(select: Select, alias: string, step: string): Located {
    const [first] = [...select.joins, ...select.groupBy];
    if (first)
      throw new QueryError(
        `the WITH step '${step}' reads reference data, so it cannot have JOIN, APPLY or GROUP BY: move them to the query that reads the step`,
        first.at,
      );
    const from = select.from.alias ?? select.from.name;
    const inner = referenceSteps.get(select.from.name.toLowerCase());
    const base = inner
      ? referenceStep(inner, from, select.from.name)
      : referenceInput(select.from.name, from);
    if (base.kind !== 'reference') throw new Error('a step over reference data is not reference data');
    const scope = createScope([base.binding]);
    const context = createContext(scope, 'CAST(NULL AS TIMESTAMP)');
    const columns = columnsOf(select, scope, context.translate);
    const where = select.where ? ` WHERE ${translatePredicate(select.where, context)}` : '';
    const own = name(from);
    const sql = `(SELECT ${columns.map((one) => `${asColumn(one)}, `).join('')}${own}.valid_from, ${own}.valid_to, ${own}.__row FROM ${base.sql} AS ${own}${where})`;
    const binding = stepBinding(
      alias,
      step,
      columns.map(({ column }) => column),
      false,
    );
    return { kind: 'reference', alias, sql, binding };
  }

  function planQuery(one: SelectQuery): Relation {
    if (one.kind === 'select') return planSelect(one, planner);
    if (one.kind === 'match') return planMatch(one, planner);
    const parts = one.selects.map((select, i) => {
      const into = i > 0 && intoOf(select);
      if (into)
        throw new QueryError('only the first SELECT of a UNION can have INTO: move it there', into.at);
      return { relation: planQuery(select), at: select.at };
    });
    return planUnion(parts, planner, one.at);
  }

  const seen = new Set<string>();
  for (const { name: step, query: one, at } of query.steps) {
    const key = step.toLowerCase();
    if (seen.has(key)) throw new QueryError(`two WITH steps are named '${step}': rename one of them`, at);
    seen.add(key);
    const into = intoOf(one);
    if (into)
      throw new QueryError(
        `the WITH step '${step}' cannot have INTO: write INTO in the SELECT that reads the step`,
        into.at,
      );
    if (asReference.has(key) && one.kind === 'select') referenceSteps.set(key, one);
    else {
      bodies.set(key, one);
      steps.set(key, planQuery(one));
    }
  }
  const written = new Set<string>();
  const outputs: Output[] = query.statements.map((one) => {
    const relation = planQuery(one);
    const { name: output, at } = intoOf(one) ?? { name: 'output', at: one.at };
    if (written.has(output.toLowerCase()))
      throw new QueryError(
        `two statements write to the output '${output}': combine them with UNION, or write to another output`,
        at,
      );
    written.add(output.toLowerCase());
    return {
      name: output,
      table: relation.table,
      columns: relation.columns,
      rowsSql: sortedSql(relation),
      rowsSqlOf: (table) => sortedSql({ ...relation, table }),
      ascends: relation.ascends,
      unsortedSql: relation.keepsOrder ? unsortedSql(relation) : undefined,
      at: one.at,
    };
  });
  const statements = [
    ...nodes.flatMap((node) => [
      node.sql,
      ...(node.kind === 'temporal' ? node.kept.map(({ sql }) => sql) : []),
    ]),
    ...outputs.map(({ rowsSql }) => rowsSql),
  ];
  for (const fields of payloads.values()) fields.readBy(statements);
  return {
    sources: [...sources.values()],
    references: [...references.values()],
    functions: [...functionsOf(query).values()],
    nodes,
    outputs,
  };
}

/**
 * The input or step of which a query selects whole rows, as "SELECT * FROM Input1 PARTITION BY partitionId INTO 2" (UNION).
 * TIMESTAMP BY may follow such a query, because its target must be a field of the payload (TIMESTAMP BY).
 */
function wholeInput(query: SelectQuery | undefined): string | undefined {
  if (query?.kind !== 'select') return undefined;
  const { from, items, joins, where, groupBy, having } = query;
  const isWhole = items.every((one) => one.kind === 'star' && one.path.length === 0);
  const isPlain = joins.length === 0 && groupBy.length === 0 && !where && !having;
  return isWhole && isPlain && !from.query && !from.timestampBy ? from.name : undefined;
}

/** The output that a query names. */
function intoOf(query: SelectQuery): OutputName | null {
  if (query.kind === 'match') return null;
  if (query.kind === 'select') return query.into;
  const [first] = query.selects;
  return first ? intoOf(first) : null;
}

function sortedSql(relation: Relation): string {
  const { rowLength } = relation;
  // DuckDB sorts by numbers faster than by lists.
  const rows =
    rowLength === undefined ? ['__row'] : Array.from({ length: rowLength }, (_, i) => `__row[${i + 1}]`);
  return `${unsortedSql(relation)} ORDER BY ${['__ts', '__seq', ...rows].join(', ')}`;
}

function unsortedSql({ table, columns }: Relation): string {
  const row = recordTextSql(columns.map((column) => ({ column, sql: name(column.name) })));
  return `SELECT ${row} AS "row" FROM ${name(table)}`;
}
