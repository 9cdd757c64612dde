/** Where something stands in the query file, both from 1. */
export interface Position {
  line: number;
  column: number;
}

interface Node {
  at: Position;
}

/** The data types of Stream Analytics; `null` is the type of the literal alone. */
export type CastType = 'bigint' | 'float' | 'nvarchar' | 'datetime' | 'bit' | 'record' | 'array';

export type Expression = Node &
  (
    | { kind: 'literal'; type: 'bigint' | 'float' | 'nvarchar' | 'null'; value: string }
    | { kind: 'path'; path: string[] }
    | { kind: 'allRows' }
    | { kind: 'negate' | 'not'; operand: Expression }
    | { kind: 'binary'; op: '+' | '-' | '*' | '/' | '%'; left: Expression; right: Expression }
    | { kind: 'and' | 'or'; left: Expression; right: Expression }
    | { kind: 'compare'; op: '=' | '<>' | '<' | '<=' | '>' | '>='; left: Expression; right: Expression }
    | { kind: 'isNull'; negated: boolean; left: Expression }
    | { kind: 'like'; negated: boolean; left: Expression; pattern: Expression }
    | { kind: 'between'; negated: boolean; left: Expression; low: Expression; high: Expression }
    | { kind: 'in'; negated: boolean; left: Expression; list: Expression[] }
    | {
        kind: 'case';
        subject: Expression | null;
        branches: [when: Expression, then: Expression][];
        otherwise: Expression | null;
      }
    | { kind: 'cast'; attempt: boolean; operand: Expression; type: CastType }
    | { kind: 'call'; name: string; distinct: boolean; args: Expression[]; over: OrderItem[] | null }
  );

export interface OrderItem {
  expression: Expression;
  descending: boolean;
}

export interface TimeSpan {
  unit: string;
  amount: number;
}

export interface Window extends Node {
  kind: 'window';
  type: 'tumbling' | 'hopping';
  size: TimeSpan;
  hop: TimeSpan;
  offset: TimeSpan | null;
}

export type SelectItem = Node &
  ({ kind: 'star'; path: string[] } | { kind: 'item'; expression: Expression; alias: string | null });

export interface Source extends Node {
  name: string;
  alias: string | null;
  timestampBy: Expression | null;
}

export interface Join extends Node {
  kind: 'left' | 'inner';
  source: Source;
  on: Expression;
}

export interface Select extends Node {
  items: SelectItem[];
  into: string | null;
  from: Source;
  joins: Join[];
  where: Expression | null;
  groupBy: (Expression | Window)[];
  having: Expression | null;
}

export interface Step extends Node {
  name: string;
  select: Select;
}

export interface Query {
  steps: Step[];
  statements: Select[];
}
