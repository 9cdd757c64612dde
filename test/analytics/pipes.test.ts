import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-pipes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

const file = (name: string): string => join(folder, name);
const text = (name: string): Promise<string> => readFile(file(name), 'utf8');

/** Runs a query into `out.ndjson`, with standard input that gives its text once. */
async function run(query: string, standardInput: string, ...flags: string[]): Promise<void> {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(
    Readable.from([standardInput]) as unknown as typeof process.stdin,
  );
  await writeFile(file('q.asaql'), query);
  await main(['--query', file('q.asaql'), '--output', file('out.ndjson'), ...flags]);
}

test('standard input serves all sources of an input', async () => {
  const query = 'SELECT id INTO a FROM i SELECT id INTO b FROM i TIMESTAMP BY t';
  await run(query, '{"id":1,"t":"2026-01-01T00:00:00Z"}\n', '--input', '-');
  expect(await text('out.ndjson')).toBe('{"id":1}\n');
  expect(await text('out.b.ndjson')).toBe('{"id":1}\n');
});
