/** A query as the grammar reads it (iot-hub-devguide-query-language). */
export interface Query {
  /** The selected values; `null` for `SELECT *`. */
  readonly select: readonly Projection[] | null;
  readonly top: number | null;
  readonly from: string;
  readonly where: Expression | null;
  readonly groupBy: Path | null;
}

export type Path = readonly string[];

export interface Projection {
  readonly value: { readonly kind: 'path'; readonly path: Path } | Aggregate;
  readonly alias: string | null;
}

export interface Aggregate {
  readonly kind: 'aggregate';
  readonly name: 'count' | 'avg' | 'sum' | 'min' | 'max';
  /** The argument; `null` for `COUNT()`, which has none. */
  readonly path: Path | null;
}

export type Expression =
  | { readonly kind: 'constant'; readonly value: Constant | readonly Constant[] | undefined }
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'isDefined'; readonly path: Path }
  | { readonly kind: 'not'; readonly operand: Expression }
  | {
      readonly kind: 'in';
      readonly operand: Expression;
      readonly values: readonly Constant[];
      readonly isNegated: boolean;
    }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    };

export type Constant = string | number | boolean | null;
export type BinaryOperator =
  'and' | 'or' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%';
