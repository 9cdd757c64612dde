import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOCAL_WEB_KEY } from '../../local/functionKeys';
import { type Stack, startStack } from '../stack';
import { type CodeBlock, blockOf, readCodeBlocks, saveFiles } from './markdownPage';
import { findProgram } from './programs';

let stack: Stack;
let clone: string;
let blocks: CodeBlock[];

beforeAll(async () => {
  stack = await startStack();
  blocks = await readCodeBlocks(join('docs', 'phones.md'));
  clone = await mkdtemp(join(tmpdir(), 'hubfront-phones-'));
  await cp(join('clients', 'phone'), join(clone, 'clients', 'phone'), { recursive: true });
  await symlink(resolve('node_modules'), join(clone, 'node_modules'));
  await saveFiles(blocks, join(clone, 'clients', 'phone'));
});
afterAll(async () => {
  await stack.close();
  await rm(clone, { recursive: true, force: true });
});

/** Runs a block of the page as it is printed, after the variables of the page, which name the servers of this test. */
async function run(section: string, folder = '.'): Promise<void> {
  const variables = blockOf(blocks, 'Before you start', 'sh')
    .replace('http://localhost:7071', stack.host.url)
    .replace('https://127.0.0.1:8443', stack.emulator.endpoint)
    .replaceAll('$PWD/.hubfront/ca.pem', stack.emulator.caFile);
  const child = spawn('sh', ['-ec', variables + blockOf(blocks, section, 'sh')], {
    cwd: join(clone, folder),
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  expect(await new Promise((done) => child.once('close', done)), output).toBe(0);
}

async function events(): Promise<string[]> {
  const { json } = await stack.feed();
  const messages = json.messages as { deviceId: string; body: { Data: { event: string } } }[];
  return messages.filter(({ deviceId }) => deviceId.startsWith('phone-')).map(({ body }) => body.Data.event);
}

test('the variables are those of npm start', () => {
  expect(blockOf(blocks, 'Before you start', 'sh')).toContain(`export FUNCTION_KEY=${LOCAL_WEB_KEY}\n`);
});

test('the shell commands can be pasted twice, and send their messages', async () => {
  stack.emulator.admin.reset();
  for (let times = 0; times < 2; times++) await run('Shell');
  expect((await events()).sort()).toEqual(['app_opened', 'app_opened', 'from_a_file', 'from_a_file']);
});

test('the TypeScript program sends its message', { tags: 'full' }, async () => {
  stack.emulator.admin.reset();
  await run('TypeScript', join('clients', 'phone'));
  expect(await events()).toEqual(['app_opened']);
});

test.skipIf(!findProgram('javac', 'default-jdk-headless'))(
  'the Java program sends its message',
  { tags: 'full' },
  async () => {
    stack.emulator.admin.reset();
    await run('Java and Kotlin', join('clients', 'phone'));
    expect(await events()).toEqual(['app_opened']);
  },
);
