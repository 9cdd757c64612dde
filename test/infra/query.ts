import { readFileSync } from 'node:fs';

export const QUERY_FILE = 'infra/analytics/query.asaql';

const POWER_BI_TYPES: Record<string, string> = {
  bigint: 'Int64',
  float: 'Double',
  'nvarchar(max)': 'String',
};

/** What the query reads, and what it writes: the columns of each output with their Power BI types. */
export function readQuery(): {
  inputs: string[];
  outputs: Record<string, { name: string; dataType: string }[]>;
} {
  const text = readFileSync(QUERY_FILE, 'utf8').replace(/--.*$/gm, '');
  const columnsOf = (select: string): { name: string; expression: string }[] =>
    [...select.matchAll(/^\s+(.+) AS (\w+),?$/gm)].map(([, expression = '', name = '']) => ({
      name,
      expression,
    }));
  const [steps = '', ...statements] = text.split(/^SELECT$/m);
  const step = new Map(columnsOf(steps).map(({ name, expression }) => [name, expression]));
  const typeOf = (expression: string): string => {
    if (expression === 'System.Timestamp()') return 'DateTime';
    if (expression.startsWith('COUNT(')) return 'Int64';
    const own = /^metrics\.(\w+)$/.exec(expression)?.[1];
    const cast = /^TRY_CAST\(.+ AS (.+)\)$/.exec(own === undefined ? expression : (step.get(own) ?? ''))?.[1];
    return POWER_BI_TYPES[cast ?? ''] ?? `not cast: ${expression}`;
  };
  return {
    inputs: [...text.matchAll(/(?:FROM|JOIN) \[([\w-]+)\]/g)].map(([, name = '']) => name),
    outputs: Object.fromEntries(
      statements.map((statement) => {
        const [select = '', rest = ''] = statement.split(/^INTO /m);
        const output = /^\[([\w-]+)\]/.exec(rest)?.[1] ?? 'none';
        return [
          output,
          columnsOf(select).map(({ name, expression }) => ({ name, dataType: typeOf(expression) })),
        ];
      }),
    ),
  };
}
