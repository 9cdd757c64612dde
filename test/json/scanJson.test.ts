import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonDepthError, type JsonShape, JsonSyntaxError, plainValue, scanJson } from '../../src/json';

/** Looks into everything, as deep as any test goes. */
const EVERYTHING = Array.from({ length: 12 }).reduce<JsonShape>(
  (inner) => ({ members: new Proxy({}, membersOf(inner)), elements: inner }),
  {},
);

function membersOf(shape: JsonShape): ProxyHandler<Record<string, JsonShape>> {
  return {
    get: () => shape,
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: shape }),
  };
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

function accepts(text: string, shape?: JsonShape): boolean {
  try {
    scanJson(Buffer.from(text), shape);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}

/** JSON with white space between its parts, as no serializer of ours would write it. */
const spaced = fc.json({ maxDepth: 6 }).chain((json) =>
  fc.constantFrom('', ' ', '\n\t', '\r\n  ').map((space) => {
    const pretty = JSON.stringify(JSON.parse(json), undefined, 1);
    return space + pretty.replaceAll('\n', space === '' ? '' : `${space}\n`) + space;
  }),
);
/** Texts that are nearly JSON: a valid one with some characters replaced, removed or added. */
const damaged = fc
  .tuple(
    spaced,
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom('', ...Array.from('{}[]:,"\\/+-.01ebfnrtu \n\t\u0000\u001fé')),
        fc.nat({ max: 1 }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce((edited, [place, character, removed]) => {
      const at = place % (edited.length + 1);
      return edited.slice(0, at) + character + edited.slice(at + removed);
    }, text),
  );

describe('the JSON scanner', () => {
  test('accepts the same texts as JSON.parse', () => {
    fc.assert(
      fc.property(fc.oneof(spaced, damaged, fc.string()), (text) => {
        expect([accepts(text), accepts(text, EVERYTHING)]).toEqual([isJson(text), isJson(text)]);
      }),
      { numRuns: 5_000 },
    );
    const tokens = [
      '0',
      '-0',
      '1',
      '01',
      '-',
      '1.',
      '1.5',
      '.5',
      '1e',
      '1e5',
      '1E+5',
      '1e-05',
      '+1',
      '0x1',
      'true',
    ];
    tokens.push(
      'tru',
      'truex',
      'null',
      'nul',
      '""',
      '"',
      '"\\',
      '"\\u12"',
      '"\\u12ag"',
      '"\\x"',
      '"\t"',
      '[',
      ']',
      '{',
    );
    tokens.push(
      '[]',
      '{}',
      '[,]',
      '[1,]',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '{a:1}',
      '{1:1}',
      '[1}',
      '{"a":1]',
      '',
      ' ',
    );
    for (const text of tokens.flatMap((token) => [
      token,
      ` ${token} `,
      `[${token}]`,
      `{"a":${token}}`,
      `${token},1`,
    ])) {
      expect([text, accepts(text), accepts(text, EVERYTHING)]).toEqual([text, isJson(text), isJson(text)]);
    }
  });

  test('finds the position of each value', () => {
    fc.assert(
      fc.property(spaced, (text) => {
        const bytes = Buffer.from(text);
        const root = scanJson(bytes, EVERYTHING);
        expect(bytes.toString('utf8', root.start, root.end)).toBe(text.trim());
        expect(plainValue(bytes, root)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('lists at most what the shape allows, and reports duplicates and depth', () => {
    const bytes = Buffer.from('{"a":[1,2,3],"\\u0061":[[]],"b":2}');
    const root = scanJson(bytes, { members: { a: { elements: {}, max: 2 } }, max: 2 });
    expect(root).toMatchObject({ hasDuplicates: true, depth: 3 });
    expect(root.members?.get('a')?.elements).toHaveLength(1);
    const first = scanJson(Buffer.from('{"a":[1,2,3],"b":2}'), {
      members: { a: { elements: {}, max: 2 } },
      max: 1,
    });
    expect(first.isTruncated).toBe(true);
    expect(first.members?.get('a')).toMatchObject({ isTruncated: true, elements: [{}, {}] });
    for (const depth of [2, 64, 66, 1_000]) {
      const deep = `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
      expect(scanJson(Buffer.from(deep)).depth).toBe(depth);
    }
    expect(() => scanJson(Buffer.from('['.repeat(1_001)))).toThrow(JsonDepthError);
  });

  test('reports the first invalid byte', () => {
    for (const [text, position] of [
      ['{"é":x}', 6],
      ['[1,2', 4],
      ['1 2', 2],
      ['"\u0001"', 1],
    ] as const) {
      expect(() => scanJson(Buffer.from(text))).toThrow(`byte ${position}`);
    }
  });
});
