import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { translate } from '../../analytics/query';
import { fullAfter } from '../testSize';

/** One folder a query: the rows of its first output, and of a further one by its name, or its refusal, worked out by hand from the documentation that the query names. */
const GOLDEN = join(__dirname, 'golden');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-golden-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

describe('golden queries', () => {
  // Every third case, in the order of their names, shows each kind of function; the full run has all of them.
  for (const [at, name] of readdirSync(GOLDEN).entries())
    test(name, fullAfter(1, at % 3), async () => {
      const file = (part: string): string => join(GOLDEN, name, part);
      const told = vi.spyOn(console, 'error').mockReturnValue();
      const output = join(folder, `${name}.ndjson`);
      const reference = existsSync(file('products.json')) ? ['--reference', file('products.json')] : [];
      const query = file('query.asaql');
      await main([
        ...inputs(query, file('events.ndjson')),
        ...reference,
        '--query',
        query,
        '--output',
        output,
      ]);
      if (existsSync(file('refusal.txt'))) {
        expect(told.mock.lastCall?.[0]).toBe(
          `${query}:${readFileSync(file('refusal.txt'), 'utf8').trimEnd()}`,
        );
        expect(process.exitCode).toBe(1);
      } else {
        for (const expected of readdirSync(file('.')).filter((part) => part.startsWith('expected.')))
          expect(lines(output.replace(/ndjson$/, expected.slice('expected.'.length)))).toEqual(
            lines(file(expected)),
          );
        expect(process.exitCode ?? 0).toBe(0);
      }
    });
});

/** A query of several inputs is refused before its files are looked at; one of them is enough. */
function inputs(query: string, events: string): string[] {
  try {
    const names = translate(readFileSync(query, 'utf8')).sources.map(({ input }) => input);
    return [...new Set(names)].flatMap((name) => ['--input', `${name}=${events}`]);
  } catch {
    return ['--input', events];
  }
}

const lines = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line.replaceAll(TEXT_OR_NUMBER, exactly)) as unknown);

const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JavaScript's numbers would make a bigint and a float the same, and lose digits beyond 2^53. */
const exactly = (token: string): string => (/^-?\d+$/.test(token) ? `{"bigint":"${token}"}` : token);
