import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildWebClient } from '../../local/buildWebClient';
import { KEY, type Stack, startStack } from '../stack';
import { type Site, browserProgram, launchBrowser, startSite } from './browser';

const SLOW = { timeout: 20_000, interval: 50 };

let stack: Stack;
let site: Site;
let readme: string;

beforeAll(async () => {
  readme = await readFile('README.md', 'utf8');
  await buildWebClient();
  site = await startSite();
  stack = await startStack({ settings: { CORS_ALLOWED_ORIGINS: site.origin } });
  site.register = ({ deviceId, deviceKey }) => stack.register(deviceId, deviceKey);
}, 60_000);
afterAll(async () => {
  await site.close();
  await stack.close();
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
});
