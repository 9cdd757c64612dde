/** The scalar functions of the query language, with their translations. */

import type { Call, Position } from './ast';
import { AGGREGATES, isAnalytic } from './aggregates';
import { compare } from './comparison';
import { dateFunctions } from './dateFunctions';
import { once } from './once';
import { absentFunction } from './otherFunctions';
import { QueryError } from './queryError';
import { type Scalar, argument, numeric, simple } from './scalar';
import type { Context } from './scope';
import { stringFunctions } from './stringFunctions';
import { callScalar, functionUse } from './userFunctions';
import { type Typed, call, quote, structure, typeName, unify, widen } from './types';

const roundSql = (value: string, digits: string): string =>
  `CASE WHEN ${digits} IS NOT NULL THEN round(${value}, CAST(greatest(least(${digits}, 400), -400) AS INTEGER)) END`;

const mathFunctions: Record<string, Scalar> = {
  abs: numeric((value) => `abs(${value})`, {
    ofBigint: (value) => `abs(CAST(${value} AS HUGEINT))`,
    exceeds: true,
  }),
  ceiling: numeric((value) => `ceil(${value})`, { ofBigint: (value) => value }),
  floor: numeric((value) => `floor(${value})`, { ofBigint: (value) => value }),
  sign: numeric((value) => `sign(${value})`),
  exp: simple(['float'], 'float', (value) => `exp(${value})`),
  power: numeric((value, exponent = '1') => `pow(${value}, ${exponent})`, {
    // NULL for a division by zero and for a root of a negative number.
    ofBigint: (value, exponent = '1') =>
      `CASE WHEN (${value} <> 0 OR ${exponent} >= 0) AND NOT isnan(pow(${value}, ${exponent})) THEN trunc(pow(${value}, ${exponent})) END`,
    further: ['float'],
    exceeds: true,
  }),
  square: simple(['float'], 'float', (value) => `(${value} * ${value})`),
  sqrt: simple(['float'], 'float', (value) => `CASE WHEN ${value} >= 0 THEN sqrt(${value}) END`),
  round: numeric((value, digits = '0') => roundSql(value, digits), {
    ofBigint: (value, digits = '0') => roundSql(`CAST(${value} AS HUGEINT)`, digits),
    further: ['bigint'],
    exceeds: true,
  }),
};

/** A line or a polygon of points. NULL if a value is no point, or if the polygon is not closed. */
const shape = (type: string, least: number, coordinates: (points: string) => string): Scalar => ({
  least,
  most: Infinity,
  translate: ({ args }, context) => {
    const points = args.map((arg) => structure(context.translate(arg), 'record', arg.at));
    const sql = once(
      points.map((point) => `json_extract(${point}, '$.coordinates')`),
      (...positions) => {
        const present = positions.map((one) => `${one} IS NOT NULL`);
        // "First and last points declared must be equal to close the loop" (CreatePolygon).
        if (type === 'Polygon') present.push(`asa_key(${positions[0]}) = asa_key(${positions.at(-1)})`);
        return `CASE WHEN ${present.join(' AND ')} THEN json_object('type', ${quote(type)}, 'coordinates', ${coordinates(`json_array(${positions.join(', ')})`)}) END`;
      },
    );
    return { sql, type: 'record' };
  },
});

/** Reads an event's value if it is an integer, otherwise NULL. @throws {QueryError} for another known type */
function indexSql({ sql, type }: Typed, at: Position): string {
  if (type === 'any')
    return once([sql], (json) => `CASE WHEN asa_is_int(${json}) THEN asa_bigint(${json}) END`);
  if (type === 'bigint') return sql;
  if (type === 'null') return 'CAST(NULL AS BIGINT)';
  throw new QueryError(`this must be bigint, but it is of type ${typeName(type)}: cast it`, at);
}

const otherFunctions: Record<string, Scalar> = {
  coalesce: {
    least: 2,
    most: Infinity,
    translate: ({ args }, context) => {
      const values = args.map((arg) => context.translate(arg));
      const type = unify(values);
      return { sql: `coalesce(${values.map((value) => widen(value, type)).join(', ')})`, type };
    },
  },
  nullif: {
    least: 2,
    most: 2,
    translate: ({ args: [first, second], at }, context) => {
      const value = context.translate(argument(first));
      const other = context.translate(argument(second));
      return {
        sql: once([value.sql], (sql) => {
          const equal = compare({ ...value, sql }, '=', other, at);
          return `CASE WHEN ${equal} THEN NULL ELSE ${sql} END`;
        }),
        type: value.type,
      };
    },
  },
  json_parse: {
    least: 1,
    most: 1,
    translate: ({ args: [arg] }, context) => {
      const value = context.translate(argument(arg));
      const json = value.type === 'any' ? `asa_string(${value.sql})` : value.sql;
      if (value.type !== 'any' && value.type !== 'nvarchar')
        return { sql: 'CAST(NULL AS JSON)', type: 'any' };
      return { sql: `asa_present(asa_text_json(${json}))`, type: 'any' };
    },
  },
  gettype: {
    least: 1,
    most: 1,
    translate: ({ args: [arg] }, context) => {
      const value = context.translate(argument(arg));
      if (value.type !== 'any')
        return { sql: quote(value.type === 'null' ? 'any' : typeName(value.type)), type: 'nvarchar' };
      return { sql: call('asa_type')(value.sql), type: 'nvarchar' };
    },
  },
  getarraylength: simple(['array'], 'bigint', (value) => `CAST(json_array_length(${value}) AS BIGINT)`),
  // Counts from 0; an index outside gives null.
  getarrayelement: {
    least: 2,
    most: 2,
    translate: ({ args: [list, index] }, context) => {
      const array = structure(context.translate(argument(list)), 'array', argument(list).at);
      const at = indexSql(context.translate(argument(index)), argument(index).at);
      const element = once(
        [array, at],
        (value, i) => `CASE WHEN ${i} >= 0 THEN json_extract(${value}, '/' || ${i}) END`,
      );
      return { sql: once([element], (one) => `asa_present(${one})`), type: 'any' };
    },
  },
  getrecordpropertyvalue: simple(
    ['record', 'nvarchar'],
    'any',
    (value, key) => `asa_field(${value}, ${key})`,
  ),
  // GeoJSON has the longitude first.
  createpoint: simple(
    ['float', 'float'],
    'record',
    (latitude, longitude) =>
      `CASE WHEN isfinite(${latitude}) AND isfinite(${longitude}) THEN json_object('type', 'Point', 'coordinates', json_array(${longitude}, ${latitude})) END`,
  ),
  createlinestring: shape('LineString', 2, (points) => points),
  createpolygon: shape('Polygon', 4, (points) => `json_array(${points})`),
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

/** By lower-case name. */
export const FUNCTIONS: ReadonlyMap<string, Scalar> = new Map(
  Object.entries({ ...dateFunctions, ...stringFunctions, ...mathFunctions, ...otherFunctions }),
);

/** Functions of Stream Analytics, or of the author of a query, that are not translated. */
const UNCOVERED = /^(anomalydetection_|[a-z_]\w*\.)/;

/** @throws {QueryError} naming a function that is not covered, or what is wrong with its arguments */
export function callFunction(call: Call, context: Context): Typed {
  const key = call.name.toLowerCase();
  if (isAnalytic(call))
    throw new QueryError(
      `${call.name} cannot be inside another function with OVER, and not in a SELECT with GROUP BY: compute it in a WITH step`,
      call.at,
    );
  if (AGGREGATES.has(key))
    throw new QueryError(
      `the aggregate ${call.name} cannot be used here: compute it in a WITH step with GROUP BY and a window, or add OVER (LIMIT DURATION(…))`,
      call.at,
    );
  const use = functionUse(call);
  if (use?.kind === 'aggregate')
    throw new QueryError(
      `the aggregate ${call.name} cannot be used here: compute it in a WITH step with GROUP BY and a window`,
      call.at,
    );
  if (use && !call.over && !call.distinct) return callScalar(call, use, context.scope, context.translate);
  const known = FUNCTIONS.get(key);
  if (key === 'system.window')
    throw new QueryError(
      'System.Window() can be used only in the SELECT of a query with GROUP BY and a window: select System.Window().Id AS id in a WITH step, and compare id after it',
      call.at,
    );
  if (!known)
    throw new QueryError(
      UNCOVERED.test(key)
        ? `the function ${call.name} is not supported by this runner`
        : absentFunction(call.name),
      call.at,
    );
  if (call.distinct || call.over)
    throw new QueryError(`${call.name} cannot have ${call.distinct ? 'DISTINCT' : 'OVER'}`, call.at);
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
    throw new QueryError(
      'the first argument of GetMetadataPropertyValue must be the name of an input in FROM',
      input.at,
    );
  if (property.kind !== 'literal' || property.type !== 'nvarchar')
    throw new QueryError(
      "the second argument of GetMetadataPropertyValue must be the name of a property in single quotes, as in 'EventId'",
      property.at,
    );
  const path = [...property.value.matchAll(/\[([^\]]+)\]|([^.[\]]+)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return scope.binding(input.path[0] ?? '', input.at).metadata(path, property.at);
}
