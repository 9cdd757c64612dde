import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOCAL_WORKER_KEY } from '../../local/functionKeys';
import { type Stack, startStack } from '../stack';
import { fullAfter } from '../testSize';
import { type CodeBlock, blockOf, readCodeBlocks, saveFiles } from './markdownPage';
import { findPostgresql, startPostgresql } from './postgresql';
import { findProgram } from './programs';
import { CLIENT } from './rubyWorker';

const SLOW = { timeout: 50_000, interval: 20 };
const DEVICE = { deviceId: 'd-1', deviceKey: Buffer.alloc(32, 1).toString('base64') };
const WORKERS = [
  { name: 'Python', program: findProgram('python3', 'python3') },
  { name: 'PHP', program: findProgram('php', 'php-cli') },
  { name: 'Shell', program: findProgram('curl', 'curl') },
];
const ruby = findProgram('ruby', 'ruby');

let stack: Stack;
let home: string;
let blocks: CodeBlock[];
let children: ChildProcess[];

beforeAll(async () => {
  children = [];
  stack = await startStack();
  home = await mkdtemp(join(tmpdir(), 'hubfront-workers-'));
  blocks = await readCodeBlocks(join('docs', 'workers.md'));
  for (const name of ['Ruby', 'cron', 'by hand', ...WORKERS.map((worker) => worker.name)])
    await saveFiles(blocks, join(home, name));
  await cp(CLIENT, join(home, 'clients', 'ruby'), { recursive: true });
  await stack.register(DEVICE.deviceId, DEVICE.deviceKey);
  await stack.send({ ...DEVICE, deviceMessage: 'hello' });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stack.close();
  await rm(home, { recursive: true, force: true });
});

/** Runs a command of the page as it is printed. The last one of it is the process that signals reach. */
function run(
  command: string,
  folder: string,
  feedUrl = `${stack.host.url}/api/message_feed`,
  key = LOCAL_WORKER_KEY,
) {
  const child = spawn('sh', ['-ec', command.replace(/(?:^|\n)(?=[^\n]+\n$)/, '$&exec ')], {
    cwd: join(home, folder),
    env: { ...process.env, HOME: home, FEED_URL: feedUrl, FEED_KEY: key },
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = new Promise((resolve) =>
    child.once('close', resolve).once('exit', (_, signal) => {
      if (signal) resolve(signal); // a curl that it leaves behind still holds its output
    }),
  );
  return { child, exit, output: () => output };
}

const stored = (...path: string[]) => readFile(join(home, ...path), 'utf8').catch(() => '');

test('the variables are those of npm start', () => {
  expect(blocks.find(({ code }) => code.startsWith('export'))?.code).toBe(
    `export FEED_URL=http://localhost:7071/api/message_feed\nexport FEED_KEY=${LOCAL_WORKER_KEY}\n`,
  );
});

test('the poll by hand returns the messages', async () => {
  const poll = run(blocks.find(({ code }) => code.startsWith('curl'))?.code ?? '', 'by hand');
  expect(await poll.exit).toBe(0);
  expect(poll.output()).toContain('"Data":"hello"');
});

describe.skipIf(!ruby)('in Ruby', () => {
  const commands = () =>
    blocks.filter(({ section, language }) => section === 'Ruby' && language === 'sh').map(({ code }) => code);

  test('the gem is installed, and the program prints the messages and stops cleanly', async () => {
    const [install = '', start = ''] = commands();
    const installed = run(install, '.');
    expect(await installed.exit, installed.output()).toBe(0);
    const worker = run(start, 'Ruby');
    await expect.poll(() => stored('Ruby', 'feed.cursor'), SLOW).not.toBe('');
    worker.child.kill('SIGTERM');
    expect(await worker.exit, worker.output()).toBe(0);
    expect(worker.output()).toMatch(/^d-1: \{"deviceId"\s*=>\s*"d-1", "Data"\s*=>\s*"hello"\}$/m);
  });

  test.each(['print_messages.rb', 'import_messages.rb'])(
    'without its variables, %s ends with one line',
    { tags: 'full' },
    async (file) => {
      const worker = run(`ruby ${file}\n`, 'Ruby', '', '');
      expect(await worker.exit).toBe(1);
      expect(worker.output()).toMatch(/^\w+\.rb: FEED_URL is not set; FEED_KEY is not set\n$/);
    },
  );

  test('the job for cron ends, with and without new messages', { tags: 'full' }, async () => {
    const command = blockOf(blocks, 'From cron', 'sh');
    for (let times = 0; times < 2; times++) {
      const job = run(command, 'cron');
      expect(await job.exit, job.output()).toBe(0);
      expect(job.output()).toBe('');
    }
    expect((await stored('cron', 'messages.jsonl')).split('\n')).toEqual([
      expect.stringContaining('"Data":"hello"'),
      '',
    ]);
  });

  const pg = findProgram('ruby', 'ruby ruby-pg', ['-rpg', '-e', '']);
  const postgresql = findPostgresql() ?? findProgram('/usr/lib/postgresql', 'postgresql', ['']);
  test.skipIf(!pg || !postgresql)(
    'PostgreSQL stores them, and the query reads them',
    { tags: 'full' },
    async () => {
      const database = await startPostgresql(postgresql ?? '');
      process.env.DATABASE_URL = database.url;
      const worker = run(blockOf(blocks, 'Exactly once, with PostgreSQL', 'sh'), '.');
      delete process.env.DATABASE_URL;
      const sql = blockOf(blocks, 'Exactly once, with PostgreSQL', 'sql');
      await expect.poll(() => database.query(sql).catch(() => []), SLOW).toEqual(['d-1||1']);
      worker.child.kill('SIGTERM');
      expect(await worker.exit, worker.output()).toBe(0);
      await database.close();
    },
  );
});

const PROGRAMS = WORKERS.filter(({ program }) => program);

for (const [at, { name }] of PROGRAMS.entries())
  describe(`in ${name}`, fullAfter(1, at), () => {
    const printed = async (...workers: { output: () => string }[]) =>
      name === 'Shell'
        ? await stored(name, 'messages.jsonl')
        : workers.map(({ output }) => output()).join('');

    test('the program keeps its position across a restart', async () => {
      const command = blockOf(blocks, name, 'sh');
      const first = run(command, name);
      await expect.poll(() => stored(name, 'feed.cursor'), SLOW).not.toBe('');
      first.child.kill('SIGTERM');
      await first.exit;
      // After a signal, its last output may come later.
      await expect.poll(() => printed(first), SLOW).toContain('hello');

      const second = run(command, name);
      await stack.send({ ...DEVICE, deviceMessage: `again in ${name}` });
      await expect.poll(() => printed(second), SLOW).toContain(`again in ${name}`);
      second.child.kill('SIGKILL');
      await second.exit;
      expect((await printed(first, second)).match(/hello/g)).toHaveLength(1);
    });

    test.each([
      ['', LOCAL_WORKER_KEY, 'FEED_URL'],
      ['http://127.0.0.1:1/feed', '', 'FEED_KEY'],
    ])('without a variable it ends with one line', async (url, key, variable) => {
      const worker = run(blockOf(blocks, name, 'sh'), name, url, key);
      expect(await worker.exit).toBeGreaterThan(0);
      expect(worker.output()).toMatch(new RegExp(`^[^\\n]*${variable}[^\\n]* is not set\n$`));
    });

    test('a cursor that is a folder ends it with one line', async () => {
      const folder = join(home, `${name} 5`);
      await saveFiles(blocks, folder);
      await mkdir(join(folder, 'feed.cursor'));
      const worker = run(blockOf(blocks, name, 'sh'), `${name} 5`);
      expect(await worker.exit).toBeGreaterThan(0);
      expect(worker.output()).toMatch(/^[^\n]+\n$/);
    });

    test('an empty cursor ends it', async () => {
      await saveFiles(
        [...blocks, { section: '', language: '', code: '\0\n', file: 'feed.cursor' }],
        join(home, `${name} 2`),
      );
      const worker = run(blockOf(blocks, name, 'sh'), `${name} 2`);
      expect(await worker.exit).toBe(1);
      expect(worker.output()).toMatch(/^feed.cursor is empty/);
    });
  });

/** A page whose only message has that number. */
const page = (n: number) =>
  `{"partitionId":"0","sequenceNumber":${n},"deviceId":"d","body":"message ${n}"}\n` +
  `{"next_offset":"c${n}","has_more":false,"gaps":[],"incomplete":[]}\n`;
const HTML = '<!doctype html>';
type Respond = (response: ServerResponse) => void;
const reply =
  (status: number, body = '', headers: Record<string, string> = {}): Respond =>
  (response) =>
    response.writeHead(status, headers).end(body);
const PROBLEM = { 'content-type': 'application/problem+json' };
const FOREIGN: Respond[] = [
  reply(404),
  reply(200, HTML),
  reply(401, HTML),
  reply(404, '{"code":"not_found"}', { 'content-type': 'application/json' }),
  reply(404, '{"code":"not_found"}', { 'content-type': 'application/problem+json-seq' }),
  reply(404, '{"code":"not_found"}', { 'content-type': 'text/plain; profile=application/problem+json' }),
  reply(302, '', { location: '/elsewhere' }),
  reply(200, page(99).split('\n')[0]),
  reply(200, '{"messages":[],"next_offset":"c99","has_more":false,"gaps":[],"incomplete":[]}'),
  (response) => response.destroy(),
  (response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write(page(98).slice(0, -2));
    setTimeout(() => response.destroy(), 10);
  },
];

/** A feed that returns these responses, one after the other, and then the last one. */
async function scripted(responses: readonly Respond[]) {
  const cursors: (string | null)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const respond = responses[Math.min(cursors.length, responses.length - 1)];
    cursors.push(new URL(request.url ?? '', 'http://x').searchParams.get('after_offset'));
    respond?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`,
    cursors,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** At the same time: they wait between their attempts. */
for (const [at, { name }] of PROGRAMS.entries())
  describe.concurrent(`in ${name}, beside foreign responses,`, fullAfter(1, at), () => {
    test('the program retries, and ends when the app rejects the request', async () => {
      const pages = FOREIGN.flatMap((foreign, n) => [foreign, reply(200, page(n))]);
      const feed = await scripted([...pages, reply(400, '{"code":"invalid_cursor"}', PROBLEM)]);
      await saveFiles(blocks, join(home, `${name} 3`));
      const worker = run(blockOf(blocks, name, 'sh'), `${name} 3`, feed.url);
      expect(await worker.exit, worker.output()).toBe(1);
      feed.close();
      expect(worker.output()).toContain('the feed returned 400 invalid_cursor');
      const output = name === 'Shell' ? await stored(`${name} 3`, 'messages.jsonl') : worker.output();
      expect(output.match(/message \d+/g)).toEqual(FOREIGN.map((_, n) => `message ${n}`));
      expect(feed.cursors).toEqual([
        ...FOREIGN.flatMap((_, n) => Array<string>(2).fill(n === 0 ? '0' : `c${n - 1}`)),
        `c${FOREIGN.length - 1}`,
      ]);
    });

    test('the program ends with the reason when its key is wrong', async () => {
      const feed = await scripted([reply(401)]);
      await saveFiles(blocks, join(home, `${name} 4`));
      const worker = run(blockOf(blocks, name, 'sh'), `${name} 4`, feed.url);
      expect(await worker.exit).toBe(1);
      feed.close();
      expect(worker.output()).toContain('the function key is wrong');
      expect(worker.output()).not.toContain(LOCAL_WORKER_KEY);
    });
  });
