import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementSpans, isDeeperThan, memberSpans, wholeSpan } from '../../src/http/jsonText';

/** JSON texts with white space between their parts, as no serializer of ours would write them. */
const spaced = fc.json({ maxDepth: 6 }).chain((json) =>
  fc.constantFrom('', ' ', '\n\t', '\r\n  ').map((space) => {
    const pretty = JSON.stringify(JSON.parse(json), undefined, 1);
    return space + pretty.replaceAll('\n', space === '' ? '' : `${space}\n`) + space;
  }),
);
const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());

describe('spans of JSON', () => {
  test('the whole is the value without the space around it', () => {
    fc.assert(
      fc.property(spaced, (text) => {
        const { start, end } = wholeSpan(text);
        expect(text.slice(start, end)).toBe(text.trim());
      }),
    );
  });

  test('members and elements are the very texts of the values', () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const members = [...memberSpans(text, wholeSpan(text))];
        expect(members.map(([name, { start, end }]) => [name, JSON.parse(text.slice(start, end))])).toEqual(
          Object.entries(JSON.parse(text) as object),
        );
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const elements = elementSpans(text, wholeSpan(text));
        expect(elements.map(({ start, end }) => text.slice(start, end).trim())).toHaveLength(value.length);
        expect(elements.map(({ start, end }) => JSON.parse(text.slice(start, end)))).toEqual(
          JSON.parse(text),
        );
      }),
    );
  });

  test('a name that stands twice is refused, however it is escaped', () => {
    for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"__proto__":1,"__proto__":2}']) {
      expect(() => memberSpans(text, wholeSpan(text))).toThrow('twice');
    }
  });

  test('depth is told without a stack', () => {
    const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
    for (const depth of [2, 64, 66, 400_000]) {
      const text = nested(depth);
      expect(isDeeperThan(text, wholeSpan(text), 64)).toBe(depth > 64);
    }
    const brackets = JSON.stringify({ text: '[['.repeat(1_000), quoted: '"[\\"' });
    expect(isDeeperThan(brackets, wholeSpan(brackets), 1)).toBe(false);
  });
});
