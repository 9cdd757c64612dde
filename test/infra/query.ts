import { readFileSync } from 'node:fs';
import { limit } from './factFiles';

export const QUERY_FILE = 'infra/analytics/query.asaql';

const POWER_BI_TYPES: Record<string, string> = {
  bigint: 'Int64',
  float: 'Double',
  'nvarchar(max)': 'String',
};

/** IoT Hub's own ids have at most 128 characters: iot-hub-devguide-messages-construct. */
const BOUNDED_BY_THE_HUB = /^TRY_CAST\(source\.IoTHub\.(?:MessageId|ConnectionDeviceId) AS /;

/** What the query reads, and what it writes: the columns of each output with their Power BI types. */
export function readQuery(query = readFileSync(QUERY_FILE, 'utf8')): {
  inputs: string[];
  outputs: Record<string, { name: string; dataType: string }[]>;
} {
  const text = query
    .replace(/--.*$/gm, '')
    .replace(/\bCASE\b[\s\S]*?\bEND\b/g, (expression) => expression.replace(/\s+/g, ' '));
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
    const whole = own === undefined ? expression : (step.get(own) ?? '');
    const text = /^SUBSTRING\((.+), 1, (\d+)\)$/.exec(whole);
    const cast = /^TRY_CAST\(.+ AS (.+)\)$/.exec(text?.[1] ?? whole)?.[1];
    const dataType = POWER_BI_TYPES[cast ?? ''] ?? `not cast: ${expression}`;
    const longest = limit('Power BI push dataset', 'characters per value').max ?? 0;
    if (dataType === 'String' && !BOUNDED_BY_THE_HUB.test(whole) && Number(text?.[2] ?? Infinity) > longest) {
      return `may be longer than ${longest} characters: ${expression}`;
    }
    return dataType;
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
