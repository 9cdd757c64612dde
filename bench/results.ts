/** Writes the results of a benchmark run to a file. */

import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { Result } from './measure';

const FOLDER = 'bench/results';

/** The results of one `npm run bench`, and its machine. */
export interface Run {
  date: string;
  node: string;
  cores: number;
  cpu: string;
  /** results by the name of the bench */
  results: Readonly<Record<string, readonly Result[]>>;
}

/** @returns the path of the file */
export async function saveRun(results: Run['results']): Promise<string> {
  const run: Run = {
    date: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? '',
    results,
  };
  await mkdir(FOLDER, { recursive: true });
  const path = join(FOLDER, `${run.date.replaceAll(':', '-')}.json`);
  await writeFile(path, `${JSON.stringify(run, undefined, 2)}\n`);
  return path;
}
