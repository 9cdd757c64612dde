/** The meaning of names and aggregates in MEASURES and DEFINE of MATCH_RECOGNIZE. */

import { findAggregate } from './aggregates';
import type { Call, Expression, MatchRecognize, Position } from './ast';
import { createContext } from './expression';
import { ANY_EVENT, type Automaton } from './pattern';
import { QueryError } from './queryError';
import { type Binding, type Context, type Scope, createScope, same } from './scope';
import { SQL_TYPES, type Typed, typeName } from './types';

/** An aggregate of the events that matched one variable so far. Its value is a column of each partial match. */
export interface MatchAggregate {
  column: string;
  /** in lower case */
  variable: string;
  /** SQL of the value before the first event */
  initial: string;
  /** SQL of the value after an event: `old` is the value before, `kept(column)` a column of the event */
  next: (old: string, kept: (column: string) => string) => string;
  /** whether a condition of DEFINE reads it */
  inConditions: boolean;
}

export interface MatchVariables {
  /** of the events, before they match */
  scope: Scope;
  define: (variable: string) => {
    contextOf: (condition: Expression) => Context;
    /** whether a condition reads events that matched before */
    dependsOnMatch: (condition: Expression) => boolean;
  };
  measure: (expression: Expression) => Typed;
  aggregates: readonly MatchAggregate[];
  usesClassifier: () => boolean;
}

/** Column of the names of the variables that the events matched. */
export const CLASSIFIER = '__classifier';

const AGGREGATES = ['min', 'max', 'first', 'last'];

/** @throws {QueryError} for DEFINE of a name that PATTERN does not have */
export function matchVariables(
  { definitions }: MatchRecognize,
  { variables }: Automaton,
  binding: Binding,
  keep: (value: Typed) => Typed,
): MatchVariables {
  const names = [...variables.values()].filter((one) => one !== ANY_EVENT);
  const known = new Set(names.map((one) => one.toLowerCase()));
  const defined: string[] = [];
  for (const { name, at } of definitions) {
    if (!known.has(name.toLowerCase()))
      throw new QueryError(`DEFINE has '${name}', which PATTERN does not have: rename it or remove it`, at);
    if (defined.includes(name.toLowerCase()))
      throw new QueryError(`DEFINE has '${name}' twice: remove one`, at);
    defined.push(name.toLowerCase());
  }
  const aggregates: MatchAggregate[] = [];
  const byKey = new Map<string, { aggregate: MatchAggregate; value: Typed }>();
  let classified = false;

  /** The variable that a path begins with. */
  function variableOf(path: readonly string[], at: Position, own: string | undefined): string {
    const [first = '', ...rest] = path;
    if (!known.has(first.toLowerCase()))
      throw new QueryError(
        `'${path.join('.')}' must begin with a variable of PATTERN, as in ${own ?? names[0] ?? 'A'}.${path.join('.')}`,
        at,
      );
    if (rest.length === 0)
      throw new QueryError(
        `'${first}' is a variable of PATTERN: name a field of it, as in ${first}.temperature`,
        at,
      );
    return first.toLowerCase();
  }

  /** The only argument of an aggregate: "Only a single field can be supplied to an aggregate function". */
  function argumentOf(call: Call): Path {
    const [arg] = call.args;
    if (arg?.kind !== 'path' || call.args.length !== 1 || call.distinct || call.over)
      throw new QueryError(
        `in MATCH_RECOGNIZE, ${call.name} takes one field of a variable, as in ${call.name}(A.temperature)`,
        call.at,
      );
    return arg;
  }

  function aggregate(call: Call, own: string | undefined): Typed {
    const { path, at } = argumentOf(call);
    const variable = variableOf(path, at, own);
    if (own !== undefined && !isVisible(variable, own))
      throw new QueryError(
        `the definition of '${own}' cannot read '${path[0] ?? ''}', which DEFINE has after it: change their order`,
        at,
      );
    const field = binding.field(path.slice(1), at);
    const key = `${call.name.toLowerCase()} ${variable} ${field.sql}`;
    const found = byKey.get(key) ?? createAggregate(call, variable, field);
    byKey.set(key, found);
    if (own !== undefined) found.aggregate.inConditions = true;
    return found.value;
  }

  /** "if pattern A is defined before pattern B, A cannot reference B". A variable without a definition is any event. */
  function isVisible(variable: string, own: string): boolean {
    const [place, limit] = [defined.indexOf(variable), defined.indexOf(own.toLowerCase())];
    return place <= limit;
  }

  function createAggregate(
    { name, at }: Call,
    variable: string,
    field: Typed,
  ): { aggregate: MatchAggregate; value: Typed } {
    const { sql: kept, type } = keep(field);
    const column = `__aggregate_${aggregates.length}`;
    const kind = name.toLowerCase();
    if ((kind === 'min' || kind === 'max') && (type === 'record' || type === 'array'))
      throw new QueryError(`${name} does not take ${typeName(type)}`, at);
    const aggregate: MatchAggregate = {
      column,
      variable,
      inConditions: false,
      // The first value may be null.
      initial: `CAST(NULL AS ${kind === 'first' ? `STRUCT(value ${SQL_TYPES[type]})` : SQL_TYPES[type]})`,
      next: (old, of) => {
        const value = of(kept);
        if (kind === 'first')
          return `CASE WHEN ${old} IS NULL THEN struct_pack(value := ${value}) ELSE ${old} END`;
        if (kind === 'last') return value;
        if (type === 'any') return `asa_${kind}(${old}, ${value})`;
        return `${kind === 'min' ? 'least' : 'greatest'}(${old}, ${value})`;
      },
    };
    aggregates.push(aggregate);
    return { aggregate, value: { sql: kind === 'first' ? `${column}.value` : column, type } };
  }

  /** Refuses what is not documented for MATCH_RECOGNIZE. */
  function refuseCall({ name, at }: Call): void {
    const key = name.toLowerCase();
    if (findAggregate(name) ?? (key === 'lag' || key === 'isfirst'))
      throw new QueryError(`${name} does not exist in MATCH_RECOGNIZE: use Min, Max, First or Last`, at);
  }

  const dependsOnMatch = (node: unknown, own: string): boolean => {
    if (typeof node !== 'object' || node === null) return false;
    const one = node as Expression;
    if (one.kind === 'call' && isAggregate(one) && !isOwnLast(one, own)) return true;
    return Object.values(node).some((inner) => dependsOnMatch(inner, own));
  };

  return {
    scope: createScope([binding]),
    aggregates,
    usesClassifier: () => classified,
    define: (called) => ({
      dependsOnMatch: (condition) => dependsOnMatch(condition, called),
      contextOf: (condition) => {
        const depends = dependsOnMatch(condition, called);
        /** A field of the event itself. */
        const own = ({ path, at }: Path): Typed => {
          if (!same(variableOf(path, at, called), called))
            throw new QueryError(
              `'${path.join('.')}' in the definition of '${called}': write Last(${path.join('.')}) for the last event of '${path[0] ?? ''}'`,
              at,
            );
          const value = binding.field(path.slice(1), at);
          return depends ? keep(value) : value;
        };
        const replace = (one: Expression): Typed | undefined => {
          if (one.kind === 'path') return own(one);
          if (one.kind !== 'call') return undefined;
          if (isAggregate(one)) return isOwnLast(one, called) ? own(argumentOf(one)) : aggregate(one, called);
          if (isClassifier(one)) throw new QueryError('Classifier() can only stand in MEASURES', one.at);
          refuseCall(one);
          return undefined;
        };
        return createContext(createScope([binding]), depends ? '__ts' : binding.timestamp, replace);
      },
    }),
    measure: (expression) => {
      const replace = (one: Expression): Typed | undefined => {
        if (one.kind === 'path') {
          variableOf(one.path, one.at, undefined);
          const field = one.path.join('.');
          throw new QueryError(
            `'${field}' in MEASURES needs an aggregate: write Last(${field}), or Min, Max or First`,
            one.at,
          );
        }
        if (one.kind !== 'call') return undefined;
        if (isAggregate(one)) return aggregate(one, undefined);
        if (isClassifier(one)) {
          if (one.args.length > 0) throw new QueryError('Classifier takes no arguments', one.at);
          classified = true;
          return { sql: `to_json(${CLASSIFIER})`, type: 'array' };
        }
        refuseCall(one);
        return undefined;
      };
      return createContext(createScope([binding]), '__ts', replace).translate(expression);
    },
  };
}

type Path = Extract<Expression, { kind: 'path' }>;

const isAggregate = ({ name }: Call): boolean => AGGREGATES.includes(name.toLowerCase());
const isClassifier = ({ name }: Call): boolean => same(name, 'Classifier');

/** Last of the variable that is defined means the event itself, because aggregates include it. */
const isOwnLast = ({ name, args }: Call, own: string): boolean =>
  same(name, 'Last') && same(firstName(args[0]), own);

const firstName = (one: Expression | undefined): string => (one?.kind === 'path' ? (one.path[0] ?? '') : '');
