import { EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { showProgress } from '../../analytics/progress';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-commands-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

describe('the other commands', () => {
  test('check tells line and column, as text, JSON and SARIF', async () => {
    const told = vi.spyOn(console, 'log').mockReturnValue();
    const file = join(folder, 'wrong.asaql');
    await writeFile(file, 'SELECT a\nFROM [i] WHERE x = "y"');
    await main(['check', file]);
    expect(told.mock.lastCall?.[0]).toContain(`${file}:2:20: "y" in double quotes`);
    expect(process.exitCode).toBe(1);
    await main(['check', '--format', 'json', file]);
    expect(JSON.parse(String(told.mock.lastCall?.[0]))).toMatchObject([{ file, line: 2, column: 20 }]);
    await main(['check', '--format', 'sarif', file]);
    expect(JSON.parse(String(told.mock.lastCall?.[0]))).toMatchObject({
      version: '2.1.0',
      // The specification requires it; the schema does not.
      runs: [
        {
          columnKind: 'utf16CodeUnits',
          results: [{ locations: [{ physicalLocation: { region: { startLine: 2 } } }] }],
        },
      ],
    });
  });

  test.each(['text', 'json', 'sarif'])(
    'check goes on after a file that it cannot read: %s',
    async (format) => {
      const log = vi.spyOn(console, 'log').mockReturnValue();
      const told = vi.spyOn(console, 'error').mockReturnValue();
      const [wrong, other] = [join(folder, 'before.asaql'), join(folder, 'after.asaql')];
      for (const file of [wrong, other]) await writeFile(file, 'SELECT a\nFROM');
      const missing = join(folder, 'missing.asaql');
      await main(['check', '--format', format, wrong, missing, other]);
      expect(process.exitCode).toBe(2);
      expect(told.mock.calls).toEqual([[`error: ${missing} does not exist`]]);
      const report = String(log.mock.lastCall?.[0]);
      for (const file of [wrong, other]) expect(report).toContain(file);
      if (format !== 'text') expect(report).toContain(`${missing} does not exist`);
    },
  );

  test('explain prints the SQL', async () => {
    const told = vi.spyOn(console, 'log').mockReturnValue();
    const file = join(folder, 'right.asaql');
    await writeFile(file, 'SELECT a FROM [i]');
    await main(['explain', file]);
    expect(told.mock.lastCall?.[0]).toContain('CREATE TABLE step_1 AS');
  });
});

test('--watch runs again after a change, also after a query that is wrong', async () => {
  const told = vi.spyOn(console, 'error').mockReturnValue();
  const own = await mkdtemp(join(folder, 'watch-'));
  const [events, query, output] = ['w.ndjson', 'w.asaql', 'w.out'].map((name) => join(own, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(events, '{"id":1}\n');
  await writeFile(query, 'SELECT id FROM [i]');
  const abort = new AbortController();
  const ended = main(['--input', events, '--query', query, '--output', output, '--watch'], abort.signal);
  const runs = (): number =>
    told.mock.calls.filter(([line]) => String(line).endsWith('waiting for changes')).length;
  const next = async (change: () => Promise<void>, ready: () => Promise<boolean>): Promise<void> => {
    const before = runs();
    await change();
    await vi.waitUntil(async () => runs() > before && (await ready()), { timeout: 50_000 });
  };
  const text = (): Promise<string> => readFile(output, 'utf8').catch(() => '');
  await vi.waitUntil(() => runs() > 0, { timeout: 50_000 });
  await vi.waitUntil(async () => (await text()) === '{"id":1}\n', { timeout: 50_000 });
  await next(
    () => writeFile(events, '{"id":2}\n'),
    async () => (await text()) === '{"id":2}\n',
  );
  await next(
    () => writeFile(query, 'SELECT FROM'),
    () => Promise.resolve(told.mock.calls.some(([line]) => String(line).includes('syntax error'))),
  );
  await next(
    () => writeFile(query, 'SELECT id + 1 AS n FROM [i]'),
    async () => (await text()) === '{"n":3}\n',
  );
  abort.abort();
  await ended;
});

test('--watch runs again after changes of what belongs to the query, also of what is new', async () => {
  const told = vi.spyOn(console, 'error').mockReturnValue();
  const own = await mkdtemp(join(folder, 'parts-'));
  const at = (name: string): string => join(own, name);
  await writeFile(at('q.asaql'), 'SELECT udf.f(id) AS v FROM [i]');
  const abort = new AbortController();
  const ended = main(['--query', at('q.asaql'), '--output', at('out'), '--watch'], abort.signal);
  const after = async (file: string, text: string | undefined, expected: string): Promise<void> => {
    const before = told.mock.calls.length;
    await mkdir(dirname(at(file)), { recursive: true });
    await (text === undefined ? rm(at(file)) : writeFile(at(file), text));
    const isTold = async (): Promise<boolean> =>
      told.mock.calls.slice(before).some(([line]) => String(line).includes(expected)) ||
      (await readFile(at('out'), 'utf8').catch(() => '')) === `${expected}\n`;
    await vi.waitUntil(isTold, { timeout: 20_000 });
  };
  const project = (...configurations: object[]): string =>
    JSON.stringify({ startFile: 'q.asaql', configurations });
  const local = { filePath: 'Inputs/Local_i.json', subType: 'InputMock' };
  try {
    await vi.waitUntil(() => told.mock.calls.length > 1, { timeout: 20_000 });
    await after('asaproj.json', '{', 'asaproj.json is not valid JSON');
    await after('asaproj.json', project(local), "the query reads 'i'");
    await after('Inputs/Local_i.json', '{"InputAlias":"i","FilePath":"../data/i.json"}', 'does not exist');
    await after('data/i.json', '{"id":1}\n', 'the function udf.f has no script');
    await after('Functions/f.js', 'function f(x) { return x + 1; }', '{"v":2}');
    await after('Functions/f.js', 'function f(x) { return x + 2; }', '{"v":3}');
    await after('data/i.json', '{"id":2}\n', '{"v":4}');
    await after('Functions/f.js', undefined, 'the function udf.f has no script');
    const script = { filePath: 'more/f.js', subType: 'JSFunction' };
    await after('asaproj.json', project(local, script), 'f.js does not exist');
    await after('more/f.js', 'function f(x) { return -x; }', '{"v":-2}');
    await after('JobConfig.json', '{', 'JobConfig.json is not valid JSON');
  } finally {
    abort.abort();
    await ended;
  }
});

describe('progress', () => {
  const stream = (isTTY: boolean): { terminal: NodeJS.WriteStream; written: () => string } => {
    const lines: string[] = [];
    const terminal = {
      isTTY,
      write: (text: string) => lines.push(text) > 0,
    } as unknown as NodeJS.WriteStream;
    return { terminal, written: () => lines.join('') };
  };
  const connection = { progress: { percentage: 42 } };

  test('is a bar on a terminal, which goes away', () => {
    const { terminal, written } = stream(true);
    const progress = showProgress(connection, terminal);
    progress.phase('reading');
    progress.stop();
    expect(written()).toContain(`reading ${'█'.repeat(13)}${'░'.repeat(17)} 42%`);
    expect(written().endsWith('\r\u001B[2K')).toBe(true);
  });

  test('does not go back when a statement of the same part, or the next part, begins', async () => {
    const drawings = new EventEmitter();
    const terminal = { isTTY: true, write: (text: string) => drawings.emit('drawing', text) };
    const running = { progress: { percentage: -1 } };
    const progress = showProgress(running, terminal as unknown as NodeJS.WriteStream);
    const drawn = async (percentage: number): Promise<string | undefined> => {
      running.progress = { percentage };
      const [text] = (await once(drawings, 'drawing')) as [string];
      return /(\d+%)$/.exec(text)?.[1];
    };
    try {
      progress.phase('computing');
      progress.part(0, 0.5);
      expect([await drawn(50), await drawn(10), await drawn(-1)]).toEqual(['25%', '25%', '25%']);
      progress.part(0.5, 1);
      expect([await drawn(-1), await drawn(20), await drawn(100)]).toEqual(['50%', '60%', '100%']);
    } finally {
      progress.stop();
    }
  });

  test('is nothing in a file', () => {
    const { terminal, written } = stream(false);
    const progress = showProgress(connection, terminal);
    progress.phase('reading');
    progress.stop();
    expect(written()).toBe('');
  });
});
