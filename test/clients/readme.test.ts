import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildWebClient } from '../../local/buildWebClient';
import { KEY, type Stack, startStack } from '../stack';
import { type Site, browserProgram, launchBrowser, startSite } from './browser';
import { findProgram } from './programs';

const SLOW = { timeout: 20_000, interval: 50 };

let stack: Stack;
let site: Site;
let folder: string;
let readme: string;

beforeAll(async () => {
  readme = await readFile('README.md', 'utf8');
  folder = await mkdtemp(join(tmpdir(), 'hubfront-readme-'));
  await buildWebClient();
  site = await startSite();
  stack = await startStack({ settings: { CORS_ALLOWED_ORIGINS: site.origin } });
  site.register = ({ deviceId, deviceKey }) => stack.register(deviceId, deviceKey);
}, 60_000);
afterAll(async () => {
  await site.close();
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

/** The code that a section of the README shows, led to the servers of this test. */
function codeOf(section: string, language: string): string {
  const text = readme.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  const code = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(text)?.[1] ?? '';
  expect(code, `${section} has no code in ${language}`).not.toBe('');
  return code
    .replaceAll('http://localhost:7071', stack.host.url)
    .replaceAll('https://127.0.0.1:8443', stack.emulator.endpoint)
    .replaceAll('hubfront-local', KEY);
}

const arrived = async () =>
  (await stack.feed({ limit: 10_000 })).json.messages as {
    deviceId: string;
    properties: object;
    body: unknown;
  }[];
const dataOf = async (deviceId: RegExp) =>
  (await arrived())
    .filter((message) => deviceId.test(message.deviceId))
    .map(({ body, properties }) => [(body as { Data: unknown }).Data, properties]);

describe('the code in the README', () => {
  describe.skipIf(!browserProgram)('from a web page', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchBrowser();
    });
    afterAll(() => browser.close());

    const open = async (html: string) => {
      stack.emulator.admin.reset();
      site.page = `<!doctype html><link rel="icon" href="data:,">${html}`;
      const page = await browser.newPage();
      await page.goto(site.origin);
    };
    const MESSAGE = [[{ event: 'browse_product', product_id: 162 }, { page: 'product' }]];

    test('sends, with a registration by the server', async () => {
      await open(codeOf('From a web page', 'html'));
      await expect.poll(() => dataOf(/^web-/), SLOW).toEqual(MESSAGE);
    });

    test('sends, registering directly', async () => {
      const direct = codeOf('From a web page', 'js');
      const code = codeOf('From a web page', 'html').replace(/register: async [\s\S]*?\n {4}},/, 'register,');
      expect(code).not.toContain('/visitors');
      await open(code.replace('<script type="module">', `$&\n${direct}`));
      await expect.poll(() => dataOf(/^web-/), SLOW).toEqual(MESSAGE);
    });
  });

  test.skipIf(!findProgram('ruby', 'ruby'))(
    'from a Ruby worker, prints the messages and stops cleanly',
    async () => {
      const script = join(folder, 'worker.rb');
      await writeFile(script, codeOf('From a Ruby worker', 'ruby'));
      await stack.register('d-1', Buffer.alloc(32, 1).toString('base64'));
      await stack.send({
        deviceId: 'd-1',
        deviceKey: Buffer.alloc(32, 1).toString('base64'),
        deviceMessage: 'hello',
      });
      const library = resolve('clients', 'ruby', 'lib');
      const worker = spawn('ruby', ['-I', library, '-e', '$stdout.sync = true; load ARGV[0]', script], {
        cwd: folder,
      });
      let out = '';
      worker.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      const exit = new Promise((done) => worker.once('exit', done));
      await expect
        .poll(() => out, SLOW)
        .toMatch(/^d-1: \{"deviceId"\s*=>\s*"d-1", "Data"\s*=>\s*"hello"\}$/m);
      await expect
        .poll(() => readFile(join(folder, 'feed.cursor'), 'utf8').catch(() => ''), SLOW)
        .not.toBe('');
      worker.kill('SIGTERM');
      expect(await exit).toBe(0);
    },
  );

  test('from a phone, sends straight to the hub', async () => {
    const script = join(folder, 'phone.mts');
    const client = resolve('clients', 'phone', 'hubfrontPhone.ts');
    await writeFile(script, codeOf('From a phone', 'ts').replace('./hubfrontPhone', client));
    await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: stack.emulator.caFile },
    });
    expect(await dataOf(/^phone-1$/)).toEqual([[{ event: 'app_opened' }, {}]]);
  });
});
