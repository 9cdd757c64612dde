import { isObject, type Json, type JsonObject } from '../twins';
import type { BinaryOperator, Expression, Path } from './ast';

/**
 * The value at a path of a document, or undefined. The name of the collection, `devices` or `devices.modules`, may stand
 * before it.
 */
export function valueAt(document: JsonObject, path: Path): Json | undefined {
  const inDevices = withoutPrefix(path, 'devices');
  const names = inDevices === path ? path : withoutPrefix(inDevices, 'modules');
  let value: Json | undefined = document;
  for (const name of names) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

const withoutPrefix = (path: Path, name: string): Path =>
  path[0] === name && path.length > 1 ? path.slice(1) : path;

/** Whether a document meets a condition: what is not the Boolean `true` counts as false. */
export const meets = (condition: Expression, document: JsonObject): boolean =>
  evaluate(condition, document) === true;

function evaluate(expression: Expression, document: JsonObject): Json | undefined {
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'path':
      return valueAt(document, expression.path);
    case 'isDefined':
      return valueAt(document, expression.path) !== undefined;
    case 'not': {
      const operand = evaluate(expression.operand, document);
      return typeof operand === 'boolean' ? !operand : undefined;
    }
    case 'in': {
      const operand = evaluate(expression.operand, document);
      if (operand === undefined) return undefined;
      return expression.values.some((value) => value === operand) !== expression.isNegated;
    }
    case 'binary': {
      const { operator, left, right } = expression;
      const first = evaluate(left, document);
      if (operator === 'and') return first === true && evaluate(right, document) === true;
      if (operator === 'or') return first === true || evaluate(right, document) === true;
      return apply(operator, first, evaluate(right, document));
    }
  }
}

/** "Comparisons are supported only between primitive types"; those of different types are undefined. */
function apply(
  operator: Exclude<BinaryOperator, 'and' | 'or'>,
  left: Json | undefined,
  right: Json | undefined,
): Json | undefined {
  if (left === undefined || right === undefined || isCompound(left) || isCompound(right)) return undefined;
  if (operator === '=') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left === 'number' && typeof right === 'number')
    return isOrdered(operator, left, right) ?? calculate(operator, left, right);
  if (typeof left === 'string' && typeof right === 'string') return isOrdered(operator, left, right);
  return undefined;
}

function isOrdered<T extends number | string>(operator: string, left: T, right: T): boolean | undefined {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
      return undefined;
  }
}

function calculate(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    default:
      return left % right;
  }
}

const isCompound = (value: Json): boolean => typeof value === 'object' && value !== null;
