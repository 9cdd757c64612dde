import { type Context, translateExpression } from './expression';
import { AGGREGATES } from './aggregates';
import { dateFunctions } from './dateFunctions';
import { once } from './once';
import { QueryError } from './queryError';
import { type Call, type Scalar, argument, numeric, simple } from './scalar';
import { type Typed, convert, quote, typeName, unify, widen } from './types';

/** What ECMAScript's regular expressions have and RE2's have not. */
const BEYOND_RE2 = /\(\?<?[=!]|\\[1-9]|\\k[<']/;

/** Where the first match begins, from 1; 0 where there is none, or where the pattern is no regular expression. */
const matches = simple(
  ['nvarchar', 'nvarchar'],
  'bigint',
  (value, pattern) => `CASE WHEN TRY(regexp_matches(${value}, ${pattern}, 'is'))
    THEN len(regexp_extract(${value}, '^(.*?)(?:' || ${pattern} || ')', 1, 'is')) + 1
    WHEN ${value} IS NOT NULL AND ${pattern} IS NOT NULL THEN 0 END`,
);

const noMatches = simple(
  ['nvarchar', 'nvarchar'],
  'bigint',
  (value) => `CASE WHEN ${value} IS NOT NULL THEN 0 END`,
);

function isRegularExpression(pattern: string): boolean {
  try {
    return RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}

const stringFunctions: Record<string, Scalar> = {
  len: simple(['nvarchar'], 'bigint', (value) => `len(rtrim(${value}, ' '))`),
  lower: simple(['nvarchar'], 'nvarchar', (value) => `lower(${value})`),
  upper: simple(['nvarchar'], 'nvarchar', (value) => `upper(${value})`),
  ltrim: simple(['nvarchar'], 'nvarchar', (value) => `ltrim(${value})`),
  rtrim: simple(['nvarchar'], 'nvarchar', (value) => `rtrim(${value})`),
  trim: simple(['nvarchar'], 'nvarchar', (value) => `trim(${value})`),
  replace: simple(
    ['nvarchar', 'nvarchar', 'nvarchar'],
    'nvarchar',
    (...args) => `replace(${args.join(', ')})`,
  ),
  // Positions count from 1; a start before the text takes as much from the length.
  substring: simple(
    ['nvarchar', 'bigint', 'bigint'],
    'nvarchar',
    (value, start = '1', length = '0') =>
      `CASE WHEN ${length} < 0 THEN CAST(error('SUBSTRING: a length below 0') AS VARCHAR)
        WHEN ${length} >= 0 AND ${start} IS NOT NULL
        THEN substring(${value}, greatest(${start}, 1), greatest(${length} + least(${start} - 1, 0), 0)) END`,
  ),
  charindex: simple(
    ['nvarchar', 'nvarchar', 'bigint'],
    'bigint',
    (sought, within, ...[start]: (string | undefined)[]) => {
      if (start === undefined) return `strpos(${within}, ${sought})`;
      const from = `greatest(${start}, 1)`;
      const found = `strpos(substring(${within}, ${from}), ${sought})`;
      return `CASE WHEN ${found} = 0 THEN 0 ELSE ${found} + ${from} - 1 END`;
    },
    2,
  ),
  regexmatch: {
    least: 2,
    most: 2,
    translate: (call, context) => {
      const pattern = argument(call.args[1]);
      if (pattern.kind === 'literal' && BEYOND_RE2.test(pattern.value))
        throw new QueryError(
          'lookaround and backreferences in a regular expression are not covered by the local translation',
          pattern.at,
        );
      // DuckDB would refuse the statement for a literal that is none.
      const invalid = pattern.kind === 'literal' && !isRegularExpression(pattern.value);
      return (invalid ? noMatches : matches).translate(call, context);
    },
  },
  concat: {
    least: 2,
    most: Infinity,
    // NULL counts as an empty text.
    translate: ({ args }, context) => ({
      sql: `concat(${args.map((arg) => convert(translateExpression(arg, context), 'nvarchar', arg.at)).join(', ')})`,
      type: 'nvarchar',
    }),
  },
};

const roundSql = (value: string, digits: string): string =>
  `CASE WHEN ${digits} IS NOT NULL THEN round(${value}, CAST(greatest(least(${digits}, 400), -400) AS INTEGER)) END`;

const mathFunctions: Record<string, Scalar> = {
  abs: numeric((value) => `abs(${value})`),
  ceiling: numeric((value) => `ceil(${value})`, { ofBigint: (value) => value }),
  floor: numeric((value) => `floor(${value})`, { ofBigint: (value) => value }),
  sign: numeric((value) => `sign(${value})`),
  exp: simple(['float'], 'float', (value) => `exp(${value})`),
  power: numeric((value, exponent = '1') => `pow(${value}, ${exponent})`, {
    ofBigint: (value, exponent = '1') => `trunc(pow(${value}, ${exponent}))`,
    further: ['float'],
  }),
  square: simple(['float'], 'float', (value) => `(${value} * ${value})`),
  sqrt: simple(['float'], 'float', (value) => `CASE WHEN ${value} >= 0 THEN sqrt(${value}) END`),
  round: numeric((value, digits = '0') => roundSql(value, digits), {
    ofBigint: (value, digits = '0') => roundSql(`CAST(${value} AS HUGEINT)`, digits),
    further: ['bigint'],
  }),
};

const otherFunctions: Record<string, Scalar> = {
  coalesce: {
    least: 2,
    most: Infinity,
    translate: ({ args }, context) => {
      const values = args.map((arg) => translateExpression(arg, context));
      const type = unify(values);
      return { sql: `coalesce(${values.map((value) => widen(value, type)).join(', ')})`, type };
    },
  },
  gettype: {
    least: 1,
    most: 1,
    translate: ({ args: [arg] }, context) => {
      const value = translateExpression(argument(arg), context);
      if (value.type !== 'any') return { sql: quote(typeName(value.type)), type: 'nvarchar' };
      return {
        sql: `CASE json_type(${value.sql}) WHEN 'VARCHAR' THEN 'nvarchar(max)' WHEN 'BIGINT' THEN 'bigint' WHEN 'UBIGINT' THEN 'bigint'
          WHEN 'DOUBLE' THEN 'float' WHEN 'BOOLEAN' THEN 'bit' WHEN 'OBJECT' THEN 'record' WHEN 'ARRAY' THEN 'array' ELSE 'any' END`,
        type: 'nvarchar',
      };
    },
  },
  getarraylength: simple(['array'], 'bigint', (value) => `json_array_length(${value})`),
  // Counts from 0; an index outside gives null.
  getarrayelement: simple(['array', 'bigint'], 'any', (value, index) =>
    once(
      [`CASE WHEN ${index} >= 0 THEN json_extract(${value}, '/' || ${index}) END`],
      (element) => `asa_present(${element})`,
    ),
  ),
  getrecordpropertyvalue: simple(
    ['record', 'nvarchar'],
    'any',
    (value, key) => `asa_field(${value}, ${key})`,
  ),
  getmetadatapropertyvalue: { least: 2, most: 2, translate: metadataProperty },
  'system.timestamp': {
    least: 0,
    most: 1,
    translate: ({ args: [arg] }, { timestamp, scope }) => {
      if (arg?.kind === 'path' && arg.path.length === 1) scope.binding(arg.path[0] ?? '', arg.at);
      return { sql: timestamp, type: 'datetime' };
    },
  },
};

const FUNCTIONS: Readonly<Record<string, Scalar>> = {
  ...dateFunctions,
  ...stringFunctions,
  ...mathFunctions,
  ...otherFunctions,
};

/** @throws {QueryError} naming a function that is not covered, or what is wrong with its arguments */
export function callFunction(call: Call, context: Context): Typed {
  const key = call.name.toLowerCase();
  if (key in AGGREGATES)
    throw new QueryError(
      `the aggregate ${call.name} has no place here: it needs a GROUP BY with a window`,
      call.at,
    );
  const known = FUNCTIONS[key];
  if (!known)
    throw new QueryError(`the function ${call.name} is not covered by the local translation`, call.at);
  if (call.distinct || call.over)
    throw new QueryError(`${call.name} takes no ${call.distinct ? 'DISTINCT' : 'OVER'}`, call.at);
  if (call.args.length < known.least || call.args.length > known.most)
    throw new QueryError(
      `${call.name} takes ${argumentCount(known)} arguments, not ${call.args.length}`,
      call.at,
    );
  return known.translate(call, context);
}

function argumentCount({ least, most }: Scalar): string {
  if (least === most) return String(least);
  return most === Infinity ? `${least} or more` : `${least} to ${most}`;
}

/** Names as Microsoft writes them: 'EventId', '[User].[name]', 'IoTHub.ConnectionDeviceId'. */
function metadataProperty({ args }: Call, { scope }: Context): Typed {
  const [input, property] = [argument(args[0]), argument(args[1])];
  if (input.kind !== 'path' || input.path.length !== 1)
    throw new QueryError('GetMetadataPropertyValue takes the name of an input first', input.at);
  if (property.kind !== 'literal' || property.type !== 'nvarchar')
    throw new QueryError('GetMetadataPropertyValue takes the name of a property as a text', property.at);
  const path = [...property.value.matchAll(/\[([^\]]+)\]|([^.[\]]+)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return scope.binding(input.path[0] ?? '', input.at).metadata(path, property.at);
}
