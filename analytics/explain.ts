import type { Plan } from './query';

/** Prints the SQL of a plan, with a comment above each statement. */
export function explain({ nodes, outputs }: Plan): string {
  const parts = nodes.flatMap((node) => [
    ...(node.kind === 'temporal'
      ? node.kept.map(
          (one) => `-- rows that are kept from batch to batch\nCREATE TABLE ${one.table} AS\n${one.sql};`,
        )
      : []),
    `-- line ${node.at.line}, column ${node.at.column}\nCREATE TABLE ${node.table} AS\n${node.sql};`,
  ]);
  const rows = outputs.map((output) => `-- rows of ${output.name}\n${output.rowsSql};`);
  return [...parts, ...rows].join('\n\n');
}
