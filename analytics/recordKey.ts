/** The key by which records and arrays are compared. */

import { type DuckDBConnection, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api';

/** The tokens of JSON but for whitespace, commas and colons. */
const TOKEN = /[{}[\]]|"(?:[^"\\]|\\.)*"|[^\s{}[\]",:]+/gs;

/** A record or an array whose end has not been read. */
interface Open {
  /** the name of each value of a record, and the values */
  names: string[] | undefined;
  values: string[];
}

/**
 * A text that is equal for records and arrays with equal values. The order of names does not matter. Of fields with the
 * same name, the first one counts, because queries read it.
 *
 * @param json of a record or an array, nested to any depth
 */
export function recordKey(json: string): string {
  let current: Open = { names: undefined, values: [] };
  const outer: Open[] = [];
  for (const token of json.match(TOKEN) ?? [])
    if (token === '{' || token === '[') {
      outer.push(current);
      current = { names: token === '{' ? [] : undefined, values: [] };
    } else if (token === '}' || token === ']') {
      const key = keyOf(current);
      current = outer.pop() ?? current;
      current.values.push(key);
    } else if (current.names?.length === current.values.length) current.names.push(textKey(token));
    else current.values.push(scalarKey(token));
  return current.values.join(',');
}

function keyOf({ names, values }: Open): string {
  if (!names) return `[${values.join(',')}]`;
  const byName = new Map<string, string>();
  for (let i = 0; i < names.length; i += 1)
    if (!byName.has(names[i] ?? '')) byName.set(names[i] ?? '', values[i] ?? '');
  let key = '';
  for (const name of [...byName.keys()].sort()) key += `${name}:${byName.get(name) ?? ''},`;
  return `{${key}}`;
}

/** Only escapes can be written in several ways. */
const textKey = (token: string): string => (token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token);

/** 2^63, which no bigint equals. */
const ABOVE_BIGINT = 2 ** 63;

/** A number equals another one if their exact values are equal, and a bit is 0 or 1. */
function scalarKey(token: string): string {
  if (token.startsWith('"')) return textKey(token);
  if (token === 'null') return token;
  if (token === 'true') return '1';
  if (token === 'false') return '0';
  const number = Number(token);
  if (Number.isSafeInteger(number)) return String(number);
  if (/^-?\d+$/.test(token)) return token;
  return Number.isInteger(number) && Math.abs(number) <= ABOVE_BIGINT
    ? String(BigInt(number))
    : String(number);
}

/** Registers the function `asa_record_key`. */
export function registerRecordKey(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'asa_record_key',
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (_, input, output) => {
        const records = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row += 1) {
          const json = records.getItem(row);
          output.setItem(row, typeof json === 'string' ? recordKey(json) : null);
        }
        output.flush();
      },
    }),
  );
}
