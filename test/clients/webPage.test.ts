import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, type Stack, call, startStack } from '../stack';
import { type TestBrowser, type Site, browserProgram, launchBrowser, startSite } from './browser';
import { blockOf, readCodeBlocks } from './markdownPage';

const SLOW = { timeout: 50_000, interval: 50 };

describe.skipIf(!browserProgram)('the code in docs/web.md, in Chromium', () => {
  let stack: Stack;
  let site: Site;
  let browser: TestBrowser;
  beforeAll(async () => {
    site = await startSite();
    // As `azd up` and `npm start` have it: what the app assigns is not what the page proposes.
    const VISITOR_KEY = Buffer.alloc(32, 5).toString('base64');
    stack = await startStack({
      settings: { CORS_ALLOWED_ORIGINS: site.origin, VISITOR_DEVICES: '1', VISITOR_KEY },
    });
    site.register = async ({ deviceKey }) => {
      const { json } = await call(`${stack.host.url}/api/devices`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-functions-key': KEY },
        body: JSON.stringify({ deviceKey }),
      });
      const { deviceId, authentication } = json.deviceInfo;
      return { deviceId, deviceKey: authentication.symmetricKey.primaryKey };
    };
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
    await stack.close();
  });

  /** A block as it is printed, with the servers and the key of this test. */
  const codeOf = async (section: string, language: string) =>
    blockOf(await readCodeBlocks('docs/web.md'), section, language)
      .replaceAll('http://localhost:7071', stack.host.url)
      .replaceAll('hubfront-web', KEY);
  const arrives = async (html: string) => {
    stack.emulator.admin.reset();
    site.page = `<!doctype html><link rel="icon" href="data:,">${html}`;
    const page = await browser.newPage();
    await page.goto(site.origin);
    const messages = async () => (await stack.feed({ limit: 10_000 })).json.messages as object[];
    await expect.poll(messages, SLOW).toHaveLength(1);
    const data = { event: 'browse_product', product_id: 162 };
    expect(await messages()).toMatchObject([{ body: { Data: data }, properties: { page: 'product' } }]);
    await page.close();
  };

  test('sends, with a registration by the server', async () => {
    await arrives(await codeOf('Add the client to a page', 'html'));
  });

  test('sends, registering directly', async () => {
    const direct = await codeOf('Register without a server', 'js');
    const page = await codeOf('Add the client to a page', 'html');
    const code = page.replace(/register: async [\s\S]*?\n {4}},/, 'register,');
    expect(code).not.toContain('/visitors');
    await arrives(code.replace('<script type="module">', `$&\n${direct}`));
  });
});
