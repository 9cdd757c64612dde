/** The syntax tree of a query. */

/** A position in the query file. Line and column start at 1. */
export interface Position {
  line: number;
  column: number;
}

interface Node {
  at: Position;
}

/** The data types of Stream Analytics; `null` is only the type of the literal. */
export type CastType = 'bigint' | 'float' | 'nvarchar' | 'datetime' | 'bit' | 'record' | 'array';

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^';
export type CompareOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type Expression = Node &
  (
    | { kind: 'literal'; type: 'bigint' | 'float' | 'nvarchar' | 'null'; value: string }
    | { kind: 'path'; path: string[] }
    | { kind: 'allRows' }
    | { kind: 'member'; operand: Expression; path: string[] }
    | { kind: 'negate' | 'not' | 'complement'; operand: Expression }
    | { kind: 'binary'; op: BinaryOperator; left: Expression; right: Expression }
    | { kind: 'and' | 'or'; operands: Expression[] }
    | { kind: 'compare'; op: CompareOperator; left: Expression; right: Expression }
    | { kind: 'isNull'; negated: boolean; left: Expression }
    | { kind: 'like'; negated: boolean; left: Expression; pattern: Expression; escape: string | null }
    | { kind: 'between'; negated: boolean; left: Expression; low: Expression; high: Expression }
    | { kind: 'in'; negated: boolean; left: Expression; list: Expression[] }
    | {
        kind: 'case';
        subject: Expression | null;
        branches: [when: Expression, then: Expression][];
        otherwise: Expression | null;
      }
    | { kind: 'cast'; attempt: boolean; operand: Expression; type: CastType }
    | Call
  );

export interface Call extends Node {
  kind: 'call';
  name: string;
  distinct: boolean;
  args: Expression[];
  over: Over | null;
}

/** `OVER (PARTITION BY … ORDER BY … LIMIT DURATION(…) WHEN …)` */
export interface Over {
  partitionBy: Expression[];
  orderBy: OrderItem[];
  limit: (TimeSpan & Node) | null;
  when: Expression | null;
}

export interface OrderItem {
  expression: Expression;
  descending: boolean;
}

export interface TimeSpan {
  unit: string;
  amount: number;
}

export type Window = Node & {
  kind: 'window';
  /** the id in Window('id', …) inside Windows(…) */
  id: string | null;
} & (
    | { type: 'tumbling' | 'hopping'; size: TimeSpan; hop: TimeSpan; offset: TimeSpan | null }
    | { type: 'sliding'; size: TimeSpan }
    | { type: 'session'; timeout: TimeSpan; maxDuration: TimeSpan; partitionBy: Expression[] }
    | { type: 'snapshot' }
  );

/** Several windows. The result is the union of their results. */
export interface Windows extends Node {
  kind: 'windows';
  windows: Window[];
}

export type SelectItem = Node &
  ({ kind: 'star'; path: string[] } | { kind: 'item'; expression: Expression; alias: string | null });

/** An input, a step, or a query in parentheses. */
export interface Source extends Node {
  name: string;
  query: SelectQuery | null;
  alias: string | null;
  timestampBy: Expression | null;
  /** TIMESTAMP BY … OVER: the events of each value have their own timeline */
  over: Expression[];
  partitionBy: Expression[];
}

export interface Join extends Node {
  kind: 'join';
  type: 'left' | 'inner';
  source: Source;
  on: Expression;
}

/** CROSS APPLY or OUTER APPLY of a function that returns several rows. */
export interface Apply extends Node {
  kind: 'apply';
  outer: boolean;
  name: string;
  argument: Expression;
  alias: string;
}

/** The name after INTO. */
export interface OutputName extends Node {
  name: string;
}

export interface Select extends Node {
  kind: 'select';
  distinct: boolean;
  items: SelectItem[];
  into: OutputName | null;
  from: Source;
  joins: (Join | Apply)[];
  where: Expression | null;
  groupBy: (Expression | Window | Windows)[];
  having: Expression | null;
}

export interface Union extends Node {
  kind: 'union';
  selects: SelectQuery[];
}

/** A part of PATTERN. `name` of any event is `.`; `most` without an upper bound is null. */
export type Pattern = Node &
  (
    | { kind: 'variable'; name: string }
    | { kind: 'sequence' | 'alternatives'; parts: Pattern[] }
    | { kind: 'repeat'; part: Pattern; least: number; most: number | null }
  );

/** `FROM source MATCH_RECOGNIZE (…)`: a row for each match. */
export interface MatchRecognize extends Node {
  kind: 'match';
  source: Source;
  limit: TimeSpan | null;
  partitionBy: Expression[];
  measures: (Node & { expression: Expression; alias: string })[];
  pattern: Pattern;
  definitions: (Node & { name: string; condition: Expression })[];
}

export type SelectQuery = Select | Union | MatchRecognize;

export interface Step extends Node {
  name: string;
  query: SelectQuery;
}

/** CREATE TABLE: the types of an input's fields. */
export interface Table extends Node {
  name: string;
  columns: (Node & { name: string; type: CastType })[];
}

export interface Query {
  tables: Table[];
  steps: Step[];
  statements: SelectQuery[];
}
