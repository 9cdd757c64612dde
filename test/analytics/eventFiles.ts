/** Runs queries on files of events. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import { main } from '../../analytics/cli';

/** @param query reads the input `i` */
export type Rows = (content: string | Buffer, name?: string, query?: string) => Promise<unknown[]>;

/** Makes a folder for the tests of a file. */
export function eventFiles(): { inFolder: (name: string) => string; rows: Rows } {
  let folder = '';
  const inFolder = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubfront-files-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  afterEach(() => {
    process.exitCode = 0;
    vi.restoreAllMocks();
  });
  const rows: Rows = async (content, name = 'events', query = 'SELECT * FROM [i]') => {
    const [events, asaql, output] = [inFolder(name), inFolder('q.asaql'), inFolder('out.ndjson')];
    await writeFile(events, content);
    await writeFile(asaql, query);
    await main(['--input', events, '--query', asaql, '--output', output]);
    const text = await readFile(output, 'utf8');
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
  };
  return { inFolder, rows };
}

/** Rows with only an id. */
export const ids = (...all: number[]): object[] => all.map((id) => ({ id }));
