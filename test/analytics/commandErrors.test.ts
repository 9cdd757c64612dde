import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { link, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import avro from 'avsc';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { raisedByFile } from '../../analytics/fileAccess';
import { testEach } from '../testSize';

let avroFile: Buffer;
beforeAll(async () => {
  const encoder = new avro.streams.BlockEncoder(
    avro.Type.forSchema({ type: 'record', name: 'r', fields: [{ name: 'id', type: 'int' }] }),
    { codec: 'deflate', blockSize: 100 },
  );
  for (let id = 0; id < 100; id += 1) encoder.write({ id });
  encoder.end();
  avroFile = Buffer.concat((await encoder.toArray()) as Buffer[]);
});
let folder: string;
const file = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-commands-'));
  await mkdir(file('folder'));
  await mkdir(file('test'));
  const lines = Array.from({ length: 3_000 }, (_, id) => `{"id":${id},"text":"${Math.sin(id)}"}\n`).join('');
  const contents = {
    'q.asaql': 'SELECT id FROM events',
    'two.asaql': 'SELECT id INTO a FROM events SELECT id INTO b FROM events',
    'alike.asaql': 'SELECT id INTO [a?] FROM events SELECT id INTO [A!] FROM events',
    'three.asaql':
      'SELECT id INTO a FROM events SELECT id INTO [a?] FROM events SELECT id INTO [A!] FROM events',
    'letters.asaql':
      'SELECT id INTO [ä] FROM events SELECT id + 1 AS id INTO [ö] FROM events SELECT id + 2 AS id INTO [ü] FROM events',
    'test/alike.json': '{"startFile":"../alike.asaql"}',
    'join.asaql': 'SELECT r.v FROM events JOIN r ON events.id = r.id',
    'asaproj.json': '{"startFile":"q.asaql"}',
    'events.ndjson': '{"id":1}\n{"id":2}\n',
    'utf16.asaql': Buffer.from('\uFEFFSELECT id FROM events', 'utf16le'),
    'plain.gz': '{"id":1}\n{"id":2}\n',
    'incomplete.gz': gzipSync(lines).subarray(0, 20_000),
    'damaged.gz': Buffer.concat([gzipSync(lines).subarray(0, 10_000), Buffer.alloc(20_000, 7)]),
    'json.csv': '{"id":1}\n{"id":2}\n',
    'spread.csv': '[\n  {"id":1}\n]\n',
    'uneven.csv': 'id,name\n1,a\n2,b,c\n3\n',
    'incomplete.avro': avroFile.subarray(0, -1),
    'header.avro': avroFile.subarray(0, 60),
    'codec.avro': Buffer.from(avroFile.toString('latin1').replace('deflate', 'deflatE'), 'latin1'),
    'single.csv': 'id\n1,2\n3,4\n',
    'short.csv': 'id,name\n1\n2\n3,4\n',
    'quote.csv': 'id,name\n1,a\n"2,b\n3,c\n',
    'bars.csv': 'id|v|na,me\n1|0|a,b\n2|0|c\n',
    'objects.json': '\uFEFF{\n  "id": 1,\n  "b": {\n    "c": "}"\n  }\n}\n\n{\n  "id": 2\n}\n',
    'test/q.asaql': 'SELECT id FROM events',
    'test/JobConfig.json': '{',
    'test/asaproj.json': '{"startFile":"q.asaql"}',
    'test/testConfig.json': '{"TestCases":[]}',
    'malformed.json': '{\n  "id": 1\n}\n{\n  "id": 2,\n',
  };
  for (const [name, content] of Object.entries(contents)) await writeFile(file(name), content);
});
beforeAll(() => link(file('q.asaql'), file('link.asaql')));
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

/** The words of a command; `@name` is a file of the folder. @returns what it reports as an error */
async function failure(command: string): Promise<string> {
  const told = vi.spyOn(console, 'error').mockReturnValue();
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await main(command.split(' ').map((word) => word.replace('@', `${folder}/`)));
  return String(told.mock.lastCall?.[0]).replaceAll(`${folder}/`, '@');
}

async function ids(name: string): Promise<unknown[]> {
  vi.spyOn(console, 'error').mockReturnValue();
  await main(['--query', file('q.asaql'), '--input', file(name), '--output', file('out')]);
  const text = await readFile(file('out'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: unknown }).id);
}

const RUN = 'run --query @q.asaql --output @out --input';

describe('a command that is wrong exits with 2 and says why', () => {
  test.each([
    ['bogus', "error: the command 'bogus' does not exist: use run, check, explain, test"],
    ['check @folder', 'error: @folder is a folder'],
    ['check @none', 'error: @none does not exist'],
    ['check @utf16.asaql', 'error: @utf16.asaql is not a text in UTF-8'],
    [`${RUN} @folder`, 'error: @folder is a folder'],
    [`${RUN} @none`, 'error: @none does not exist'],
    [`${RUN} @q.asaql/none`, 'error: @q.asaql/none is not in a folder'],
    [
      `${RUN} x=@events.ndjson`,
      "error: --input x=@events.ndjson: the query does not read 'x' (it reads: events)",
    ],
    [
      'run --query @join.asaql --output @out --input events=@events.ndjson --input r=@events.ndjson',
      "error: --input r=@events.ndjson: the query joins 'r' without a time bound, so it is reference data: give it with --reference, or write DATEDIFF(…) BETWEEN … in ON for a JOIN of two streams",
    ],
    [
      'run --query @join.asaql --output @out --input @events.ndjson --reference events=@events.ndjson',
      "error: --reference events=@events.ndjson: the query reads 'events' as events: give it with --input",
    ],
    ['test --project @asaproj.json --outputPath @q.asaql', 'error: @q.asaql is not a folder'],
    [
      'test --project @asaproj.json --outputPath @q.asaql/a/b',
      'error: the folder @q.asaql/a/b cannot be made (ENOTDIR)',
    ],
    [
      'run --query @test/q.asaql --output @out --input @events.ndjson',
      'error: @test/JobConfig.json is not valid JSON',
    ],
    [
      'test --project @test/asaproj.json --testConfigPath @test/testConfig.json --outputPath @results',
      'error: @test/JobConfig.json is not valid JSON',
    ],
    [
      'run --query @three.asaql --output @out.ndjson --input @events.ndjson',
      "error: the outputs 'a?' and 'A!' would have the same file out.A_.ndjson: rename one of them",
    ],
    [
      'test --project @test/alike.json --testConfigPath @test/testConfig.json --outputPath @results',
      "error: the outputs 'a?' and 'A!' would have the same file A_.json: rename one of them",
    ],
    [`${RUN} @no/events.ndjson --watch`, 'error: @no does not exist'],
    [
      'run --query @join.asaql --output @out --input @events.ndjson --reference @ref/{date}/{time}/r.json',
      'error: @ref/{date}/{time}/r.json is a path pattern, and only the live job chooses snapshots by date and time: give the file of one snapshot',
    ],
    [`${RUN} - --input -`, 'error: standard input (-) can stand for one file only'],
    ['run --query @q.asaql --output @folder --input @events.ndjson', 'error: @folder is a folder'],
    ['run --query @q.asaql --output @no/out --input @events.ndjson', 'error: @no does not exist'],
    [
      'run --query @q.asaql --output @events.ndjson --input @events.ndjson',
      'error: the output @events.ndjson would overwrite @events.ndjson, which is read: write to another file',
    ],
    [
      'run --query @q.asaql --output @link.asaql --input @events.ndjson',
      'error: the output @link.asaql would overwrite @q.asaql, which is read: write to another file',
    ],
    ['run --query @folder --output @out --input @events.ndjson', 'error: @folder is a folder'],
    [
      `${RUN} @incomplete.gz`,
      'error: @incomplete.gz: the gzip data is incomplete or damaged (unexpected end of file)',
    ],
    [`${RUN} @json.csv`, 'error: @json.csv: the file is JSON, but its name ends in .csv'],
    [`${RUN} @spread.csv`, 'error: @spread.csv: the file is JSON, but its name ends in .csv'],
    [`${RUN} @malformed.json`, 'error: @malformed.json: the JSON is malformed'],
    [`${RUN} @incomplete.avro`, 'error: @incomplete.avro: the Avro data is incomplete or damaged'],
    [`${RUN} @header.avro`, 'error: @header.avro: it is not a complete Avro container file'],
    [
      `${RUN} @codec.avro`,
      'error: @codec.avro: the codec deflatE of Avro is not supported: write the file with null, deflate or snappy',
    ],
    [`${RUN} @uneven.csv`, 'error: @uneven.csv: line 3 has 3 values, but the header has 2'],
    [`${RUN} @single.csv`, 'error: @single.csv: line 2 has 2 values, but the header has 1'],
    [`${RUN} @short.csv`, 'error: @short.csv: line 2 has 1 values, but the header has 2'],
    [`${RUN} @quote.csv`, 'error: @quote.csv: a quotation mark is not closed'],
  ])('%s', async (command = '', told) => {
    expect(await failure(command)).toBe(told);
    expect(process.exitCode).toBe(2);
  });

  test('damaged gzip', async () => {
    expect(await failure(`${RUN} @damaged.gz`)).toContain(
      'error: @damaged.gz: the gzip data is incomplete or damaged',
    );
    expect(process.exitCode).toBe(2);
  });
});

describe('a file is read as what it is', () => {
  test.each([
    ['objects.json', [1, 2]],
    ['plain.gz', [1, 2]],
    ['bars.csv', ['1', '2']],
  ])('%s', async (name, expected) => {
    expect(await ids(name)).toEqual(expected);
  });
});

test.each([
  ['Cannot open', 'f cannot be opened: input/output error'],
  ['Could not write', 'f cannot be written: input/output error'],
])("DuckDB's error '%s file' says what failed", (action, told) => {
  const raised = raisedByFile(new Error(`IO Error: ${action} file "f": Input/output error`));
  expect((raised as Error).message).toBe(told);
});

test('outputs have files of their own, also with letters beyond ASCII', async () => {
  vi.spyOn(console, 'error').mockReturnValue();
  await main([
    '--query',
    file('letters.asaql'),
    '--input',
    file('plain.gz'),
    '--output',
    file('rows.ndjson'),
  ]);
  const rows = ['rows.ndjson', 'rows.ö.ndjson', 'rows.ü.ndjson'].map((name) => readFile(file(name), 'utf8'));
  expect(await Promise.all(rows)).toEqual([1, 2, 3].map((id) => `{"id":${id}}\n{"id":${id + 1}}\n`));
});

const LAUNCH = [join(__dirname, '..', '..', 'local', 'launch.mjs'), 'analytics'];

describe.skipIf(process.platform === 'win32')('a signal', () => {
  testEach<[NodeJS.Signals]>(2, [['SIGTERM'], ['SIGHUP'], ['SIGINT']])(
    'removes the temporary folders: %s',
    async (signal) => {
      const own = await mkdtemp(join(folder, 'signal-'));
      const args = [...LAUNCH, '--query', file('q.asaql'), '--input', '-', '--output', join(own, 'out')];
      const found = async (): Promise<string[]> =>
        (await readdir(own)).filter((name) => name.startsWith('asa-'));
      const env = { ...process.env, TMPDIR: own };
      let child: ChildProcess | undefined;
      // Standard input stays open, so the command waits for its end.
      const ended = new Promise((done) => {
        child = execFile(process.execPath, args, { env }, (error) => done(error?.signal));
      });
      await expect.poll(async () => (await found()).length, { timeout: 30_000 }).toBe(3);
      child?.kill(signal);
      expect(await ended).toBe(signal);
      expect(await found()).toEqual([]);
    },
  );

  test('that cannot be handled leaves folders that the next run removes, and no others', async () => {
    const own = await mkdtemp(join(folder, 'killed-'));
    const found = async (): Promise<string[]> =>
      (await readdir(own)).filter((name) => name.includes('asa-')).sort();
    const env = { ...process.env, TMPDIR: own };
    const start = (input: string): { child: ChildProcess; ended: Promise<unknown> } => {
      const args = [...LAUNCH, '--query', file('q.asaql'), '--input', input, '--output', join(own, 'out')];
      let child: ChildProcess | undefined;
      const ended = new Promise((done) => (child = execFile(process.execPath, args, { env }, done)));
      if (!child) throw new Error('not started');
      return { child, ended };
    };
    const killed = start('-');
    await expect.poll(async () => (await found()).length, { timeout: 30_000 }).toBe(3);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const left = await found();
    expect(left).toHaveLength(3);
    // Those of a process that runs, of another machine, of a user, and of a process that has ended, beside the output.
    const name = String(left[0]);
    const kept = [
      name.replace(/\d+-[^-]*$/, `${process.pid}-live`),
      name.replace(/-[0-9a-f]{8}-/, '-00000000-'),
      'asa-results-2026',
    ];
    for (const one of [...kept, `.${name.replace(/[a-z]+(?=-[0-9a-f]{8}-)/, 'rows')}`])
      await mkdir(join(own, one));
    await start(file('events.ndjson')).ended;
    expect(await found()).toEqual(kept.sort());
  });
});

/** Whether there is a shell that can redirect to a full disk. */
function hasShell(): boolean {
  try {
    execFileSync('bash', ['-c', 'true']);
    return existsSync('/dev/full');
  } catch {
    return false;
  }
}

describe.skipIf(!hasShell())('the program', () => {
  const asa = (command: string): Promise<{ code: unknown; errors: string }> =>
    new Promise((done) => {
      const script = `set -o pipefail; "$@" ${command.replaceAll('@', '"$FOLDER"/')}`;
      const args = ['-c', script, 'bash', process.execPath, ...LAUNCH];
      const env = { ...process.env, FOLDER: folder };
      const child = execFile('bash', args, { env }, (error, _, errors) => {
        done({ code: error?.code ?? 0, errors });
      });
      child.stdin?.end();
    });

  testEach<[string, string, number, string]>(1, [
    [
      'reads a pipe, and ends without an error when its output is closed',
      '--query @q.asaql --input <(cat @events.ndjson) --output - | true',
      0,
      '',
    ],
    [
      'reports a full disk',
      'explain @q.asaql > /dev/full',
      2,
      'error: standard output cannot be written: no space left on device\n',
    ],
    [
      'reports outputs that it does not print',
      '--query @two.asaql --input - --output - < @events.ndjson',
      0,
      'standard output can hold only the rows of a: write to a file to get the rows of b\n',
    ],
    [
      'reports outputs that it does not write beside a device',
      '--query @two.asaql --input @events.ndjson --output /dev/null',
      0,
      '/dev/null can hold only the rows of a: write to a file to get the rows of b\n',
    ],
    [
      'reports a descriptor that is not open',
      '--query @q.asaql --input @events.ndjson --output /dev/fd/99',
      2,
      'error: /dev/fd/99 is not open for writing\n',
    ],
  ])('%s', async (_, command, code, told) => {
    expect(await asa(command)).toEqual({ code, errors: told });
  });

  testEach<[string, string]>(2, [
    ['/dev/stdout', '>>'],
    ['@linked', '>>'],
    ['/dev/fd/1', '>>'],
    ['/dev/stderr', '2>>'],
    ['-', '>>'],
  ])('adds rows to what %s leads to', async (output, redirection) => {
    if (!existsSync(file('linked'))) await symlink('/dev/stdout', file('linked'));
    await writeFile(file('log'), 'before\n');
    const { code } = await asa(
      `--query @q.asaql --input @events.ndjson --output ${output} ${redirection} @log`,
    );
    expect(code).toBe(0);
    expect(await readFile(file('log'), 'utf8')).toBe('before\n{"id":1}\n{"id":2}\n');
  });
});
