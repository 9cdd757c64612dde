/** The statements that compute the nodes of a plan on whole files. */

import { type Plan, type PlanNode, sqlName } from './query';

/**
 * DuckDB binds and optimizes a view again for each view above it, and the time to optimize windows in windows grows
 * exponentially. So a chain of views is interrupted by a table.
 */
const MAX_VIEWS_IN_CHAIN = 6;

/** The statements that create each node's table, or a view if it is read only once. Their parameters are not set. */
export function nodeStatements({ nodes, outputs }: Plan): { node: PlanNode; statements: string[] }[] {
  const uses = new Map<string, number>();
  for (const sql of [
    ...nodes.flatMap((one) => [
      one.sql,
      ...(one.kind === 'temporal' ? one.kept.map((kept) => kept.sql) : []),
    ]),
    ...outputs.map(({ rowsSql }) => rowsSql),
  ])
    for (const word of wordsOf(sql)) uses.set(word, (uses.get(word) ?? 0) + 1);
  /** by table: the number of views in the longest chain that ends there */
  const chains = new Map<string, number>();
  const create = (table: string, sql: string): string => {
    const chain = 1 + Math.max(0, ...wordsOf(sql).map((word) => chains.get(word) ?? 0));
    const isView = (uses.get(table) ?? 0) <= 1 && chain <= MAX_VIEWS_IN_CHAIN;
    chains.set(table, isView ? chain : 0);
    return `CREATE TEMP ${isView ? 'VIEW' : 'TABLE'} ${sqlName(table)} AS ${sql}`;
  };
  return nodes.map((node) => ({
    node,
    statements: [
      ...(node.kind === 'temporal' ? node.kept.map(({ table, sql }) => create(table, sql)) : []),
      create(node.table, node.sql),
    ],
  }));
}

/** The words of SQL that may be names of a node's tables. */
const wordsOf = (sql: string): string[] => sql.match(/\b\w*step_\d+\w*\b/g) ?? [];
