import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QueryError, translate } from '../../analytics/query';

const WORDS =
  "SELECT FROM WHERE GROUP BY WITH AS ( ) , . * = 1 'a' [b] x COUNT TumblingWindow( minute TRY_CAST bigint CASE WHEN END NOT NULL";

function outcome(text: string): unknown {
  try {
    return translate(text);
  } catch (error) {
    return error;
  }
}

describe('any text', () => {
  test('is translated, or refused with a place in it', () => {
    const words = fc
      .array(fc.constantFrom(...WORDS.split(' ')), { maxLength: 30 })
      .map((all) => all.join(' '));
    fc.assert(
      fc.property(fc.oneof(words, fc.string()), (text) => {
        const result = outcome(text);
        if (!(result instanceof Error)) return;
        if (!(result instanceof QueryError)) throw result;
        const { line, column } = result.at;
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(text.split('\n').length);
        expect(column).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  test('in brackets is a name, and between quotes a text', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/[\]\r\n]/.test(text));
    fc.assert(
      fc.property(name, fc.string(), (bracketed, text) => {
        if (bracketed.startsWith('__')) return;
        const plan = translate(
          `SELECT '${text.replaceAll("'", "''")}' AS [${bracketed}] INTO [${bracketed}] FROM [${bracketed}]`,
        );
        expect(plan.sources[0]?.input).toBe(bracketed);
        expect(plan.outputs[0]?.name).toBe(bracketed);
        expect(plan.outputs[0]?.columns[0]?.name).toBe(bracketed);
      }),
      { numRuns: 200 },
    );
  });
});
