import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SET_ASIDE } from '../../analytics/job/jobFile';
import { translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { fullAfter } from '../testSize';
import { CASES } from './interpreter';
import { type PartitionedArrival, commit, into, open, rowsOf, toEvent } from './jobOnFile';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-restart-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const [COUNT] = CASES.tumbling ?? [''];
const EVENT: PartitionedArrival = { partition: 0, number: 0, k: 'a', v: 1, s: 21, arrived: 21 };

/** A file with an open window of one event. */
async function openWindow(query = COUNT): Promise<string> {
  const file = join(folder, `${(files += 1)}.duckdb`);
  const job = await open(translate(query), file);
  await commit(job, new Map([['0', 0]]), (outputs) =>
    job.engine.process('i', [toEvent(EVENT)], into(outputs)),
  );
  job.engine.close();
  return file;
}

/** Opens the file with a query. @returns what the job logs, its checkpoint and the rows after the end of the stream */
async function reopen(
  file: string,
  query = COUNT,
  policy = DEFAULT_TIME_POLICY,
): Promise<{ lines: string[]; checkpoint: number | undefined; rows: string[] }> {
  const lines: string[] = [];
  const plan = translate(query);
  const job = await open(plan, file, policy, (line) => lines.push(line));
  const checkpoint = job.results.checkpoint().get('0');
  await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
  const rows = await rowsOf(job, plan);
  job.engine.close();
  return { lines, checkpoint, rows };
}

describe('a job that is started again', () => {
  test('continues its windows', async () => {
    expect(await reopen(await openWindow())).toEqual({ lines: [], checkpoint: 0, rows: ['25 a 1 1'] });
  });

  const CHANGES = [
    ['query', COUNT.replace('second, 5', 'second, 6'), DEFAULT_TIME_POLICY],
    ['input', COUNT.replace('[i]', '[j]'), DEFAULT_TIME_POLICY],
    ['time policy', COUNT, { ...DEFAULT_TIME_POLICY, eventsOutOfOrderMaxDelayInSeconds: 2 }],
  ] as const;
  for (const [at, [what, query, policy]] of CHANGES.entries())
    test(`starts afresh with another ${what}, and logs it`, fullAfter(1, at), async () => {
      const file = await openWindow();
      const { lines, checkpoint, rows } = await reopen(file, query, policy);
      expect(lines).toEqual([expect.stringContaining('has changed since')]);
      expect([checkpoint, rows]).toEqual([undefined, []]);
      expect(existsSync(file + SET_ASIDE)).toBe(true);
      expect((await reopen(file, query, policy)).lines).toEqual([]);
    });

  test('does not read a state with another layout, and logs it', async () => {
    const file = await openWindow();
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    // As the first version wrote it.
    await connection.run('CREATE OR REPLACE TABLE state.query AS SELECT * EXCLUDE (layout) FROM state.query');
    connection.closeSync();
    instance.closeSync();
    const { lines, checkpoint, rows } = await reopen(file);
    expect(lines).toEqual([
      expect.stringMatching(/starts afresh: .* in layout 1, and this version reads only/),
    ]);
    expect([checkpoint, rows]).toEqual([undefined, []]);
  });

  test('continues after a change of layout and comments in the query', async () => {
    const { lines, rows } = await reopen(await openWindow(), `-- counts\n${COUNT.replaceAll(',', ' ,\n')}`);
    expect([lines, rows]).toEqual([[], ['25 a 1 1']]);
  });

  const DAMAGES: readonly [string, (file: string, size: number) => Promise<void>][] = [
    ['cut off', (file, size) => truncate(file, Math.floor(size / 2))],
    ['empty', (file) => truncate(file, 0)],
    ['other text', (file) => writeFile(file, 'not a database')],
    ['zeros in the middle', async (file) => overwrite(file, Buffer.alloc(4_096))],
    ['noise at the start', async (file) => overwrite(file, Buffer.alloc(64, 0xa5), 0)],
  ];
  for (const [at, [what, damage]] of DAMAGES.entries())
    test(`starts afresh with a damaged file (${what}), and logs it`, fullAfter(1, at), async () => {
      const file = await openWindow();
      await damage(file, (await stat(file)).size);
      const { lines, checkpoint, rows } = await reopen(file);
      expect(lines).toEqual([expect.stringMatching(/damaged|has no state/)]);
      expect([checkpoint, rows]).toEqual([undefined, []]);
      expect((await reopen(file)).lines).toEqual([]);
    });

  test('does not start beside another job with the same file, and leaves the file alone', async () => {
    const file = await openWindow();
    const other = spawn(process.execPath, ['-e', HOLD_FILE, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(other, 'close');
    await once(other.stdout, 'data');
    const lines: string[] = [];
    await expect(
      open(translate(COUNT), file, DEFAULT_TIME_POLICY, (line) => lines.push(line)),
    ).rejects.toThrow(`${file}: another process uses the file of the job`);
    other.stdin.end();
    await ended;
    expect(lines).toEqual([]);
    expect((await reopen(file)).rows).toEqual(['25 a 1 1']);
  });
});

/** A program that uses the file until its input ends. */
const HOLD_FILE = `require('@duckdb/node-api').DuckDBInstance.create(process.argv[1]).then((database) => {
  console.log('open');
  process.stdin.resume().on('end', () => database.closeSync());
});`;

/** Writes over every block of the file, or at an offset. */
async function overwrite(file: string, bytes: Buffer, offset?: number): Promise<void> {
  const content = await readFile(file);
  if (offset !== undefined) bytes.copy(content, offset);
  else for (let at = 3 * 4_096; at < content.length; at += 16 * 4_096) bytes.copy(content, at);
  await writeFile(file, content);
}
