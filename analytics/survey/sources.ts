/** Judges local clones of the sources. */

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fencedQueries, queriesOfFile } from './examples';
import type { readFacts } from './facts';
import type { Judge } from './verdict';

type Reference = ReturnType<typeof readFacts<'reference'>>;
type Repositories = ReturnType<typeof readFacts<'repositories'>>;

/** Larger files are data. */
const MAX_FILE_BYTES = 400_000;
const MAX_GIT_OUTPUT_BYTES = 100_000_000;

interface Clone {
  commit: string;
  files: { path: string; content: string }[];
}

/** Reads files of the newest commit of a clone, bare or with a work tree. */
function readClone(folder: string, wanted: RegExp): Clone {
  const git = (args: string[], input = ''): Buffer =>
    execFileSync('git', ['-C', folder, ...args], { input, maxBuffer: MAX_GIT_OUTPUT_BYTES });
  const entries = git(['ls-tree', '-r', '-l', '-z', 'HEAD'])
    .toString()
    .split('\0')
    .flatMap((line) => {
      const [, object = '', size = '', path = ''] = /^\d+ blob (\w+) +(\d+)\t(.*)$/s.exec(line) ?? [];
      return wanted.test(path) && Number(size) <= MAX_FILE_BYTES ? [{ path, object }] : [];
    });
  const batch = git(['cat-file', '--batch'], entries.map(({ object }) => `${object}\n`).join(''));
  let position = 0;
  const files = entries.flatMap(({ path }) => {
    const begin = batch.indexOf('\n', position) + 1;
    const size = Number(/ blob (\d+)$/.exec(batch.toString('utf8', position, begin - 1))?.[1] ?? NaN);
    // A shallow copy may lack the object.
    if (Number.isNaN(size)) {
      position = begin;
      return [];
    }
    position = begin + size + 1;
    return [{ path, content: textOf(batch.subarray(begin, begin + size)) }];
  });
  return { commit: git(['rev-parse', 'HEAD']).toString().trim(), files };
}

/** A text in UTF-8, or in Windows-1252, as old editors wrote it. */
function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** Judges the examples of the language reference. What is known to be a fragment stays one. */
export async function judgeReference(folder: string, known: Reference, { judge }: Judge): Promise<Reference> {
  const { commit, files } = readClone(folder, /^stream-analytics-docs\/.*\.md$/);
  const examples: Reference['examples'] = [];
  for (const { path, content } of files) {
    const page = basename(path, '.md');
    let example = 0;
    for (const query of fencedQueries(content)) {
      example += 1;
      const before = known.examples.find((one) => one.page === page && one.example === example);
      const { fragment } = before ?? {};
      examples.push({
        page,
        example,
        ...(await judge(query)),
        ...(fragment === undefined ? {} : { fragment }),
      });
    }
  }
  return { repository: known.repository, commit, examples };
}

/** Judges the queries of every clone in a folder; their names are `owner+name`. */
export async function judgeRepositories(folder: string, { judge }: Judge): Promise<Repositories> {
  const repositories: Repositories = [];
  for (const name of readdirSync(folder).sort()) {
    const { commit, files } = readClone(join(folder, name), /\.(s?asaql|saql|sql|md|txt|json)$/i);
    const queries: Repositories[number]['queries'] = [];
    for (const { path, content } of files) {
      let query = 0;
      for (const text of queriesOfFile(path, content))
        queries.push({ path, query: (query += 1), ...(await judge(text)) });
    }
    if (queries.length > 0) repositories.push({ repository: name.replace('+', '/'), commit, queries });
  }
  return repositories;
}
