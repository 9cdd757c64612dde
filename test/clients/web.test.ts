import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildWebClient } from '../../local/buildWebClient';
import { type Stack, startStack } from '../stack';
import { type Site, browserProgram, launchBrowser, startSite } from './browser';

const MAX_GZIPPED_BYTES = 5 * 1024;
const SLOW = { timeout: 20_000, interval: 50 };
const DEVICE = { deviceId: 'web-1', deviceKey: Buffer.alloc(32, 1).toString('base64') };

let stack: Stack;
let site: Site;
let browser: Browser;
let context: BrowserContext;
let cursor: string;

beforeAll(async () => {
  await buildWebClient();
  site = await startSite();
  stack = await startStack({ settings: { CORS_ALLOWED_ORIGINS: site.origin } });
  if (browserProgram) browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await (browser as Browser | undefined)?.close();
  await site.close();
  await stack.close();
});

describe('the web client', () => {
  test.each(['hubfront.mjs', 'hubfront.js'])('%s is 5 KB gzipped at most', async (file) => {
    const built = await readFile(join('clients', 'web', 'dist', file));
    expect(gzipSync(built, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
  });

  test('has types that stand alone', async () => {
    const types = await readFile(join('clients', 'web', 'dist', 'hubfront.d.ts'), 'utf8');
    expect(types).toContain('export declare function createHubfront(options: HubfrontOptions): Hubfront;');
    expect(types).not.toContain('import');
  });
});

describe.skipIf(!browserProgram)('the web client, in Chromium', () => {
  beforeEach(async () => {
    stack.emulator.admin.reset();
    await stack.register(DEVICE.deviceId, DEVICE.deviceKey);
    cursor = (await stack.feed({ limit: 10_000 })).json.next_offset as string;
    context = await browser.newContext();
  });
  afterEach(() => context.close());

  /** A page with the client as `hub`; what it tells is kept in `told`. */
  async function open(options: object = {}, before = ''): Promise<Page> {
    const all = { endpoint: `${stack.host.url}/api`, ...DEVICE, batchTime: 100, ...options };
    site.page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
      import { createHubfront } from './hubfront.mjs';
      window.hub = createHubfront(${JSON.stringify(all)});
      window.told = [];
      for (const name of ['sending', 'sent', 'rejected', 'retry'])
        hub.on(name, (event) => told.push({ name, ...event }));
    </script>`;
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    if (before !== '') await page.addInitScript(before);
    await page.goto(site.origin);
    return page;
  }

  const arrived = async () =>
    (await stack.feed({ after_offset: cursor, limit: 10_000 })).json.messages as {
      messageId: string;
      properties: object;
      body: { Data: unknown };
    }[];
  const data = async () => (await arrived()).map(({ body }) => body.Data);
  const told = (page: Page) =>
    page.evaluate<{ name: string; code: string; messageId: string; retryIn: number }[]>('told');

  test('sends a message with its properties and id, and tells that it was sent', async () => {
    const page = await open();
    const id = await page.evaluate(
      `hub.track({ event: 'x', text: 'ゆき 😀' }, { properties: { Level: 'high' } })`,
    );
    await page.evaluate('hub.flush()');
    expect(await arrived()).toMatchObject([
      { messageId: id, properties: { Level: 'high' }, body: { Data: { event: 'x', text: 'ゆき 😀' } } },
    ]);
    expect((await told(page)).map(({ name, messageId }) => [name, messageId])).toEqual([
      ['sending', id],
      ['sent', id],
    ]);
  });

  test('packs 250 messages into three requests, in order', async () => {
    const page = await open({ batchTime: 60_000, batchSize: 1_000 });
    const posts: string[] = [];
    page.on('request', (request) => posts.push(request.method()));
    await page.evaluate('for (let n = 0; n < 250; n++) hub.track({ n })');
    await page.evaluate('hub.flush()');
    expect(await data()).toEqual(Array.from({ length: 250 }, (_, n) => ({ n })));
    expect(posts.filter((method) => method === 'POST')).toHaveLength(3);
  });

  test('sends at once when a batch is full', async () => {
    const page = await open({ batchTime: 600_000, batchSize: 3 });
    await page.evaluate('for (let n = 0; n < 3; n++) hub.track({ n })');
    await expect.poll(data, SLOW).toHaveLength(3);
  });

  test('never throws, whatever it is given', async () => {
    const page = await open();
    await page.evaluate(`
      const circular = {}; circular.circular = circular;
      hub.track(circular); hub.track(1n); hub.track(undefined); hub.track('x'.repeat(300_000));
      hub.on('sent', () => { throw new Error('of the page') });
      hub.track('fine');
    `);
    await page.evaluate('hub.flush()');
    expect(await data()).toEqual([null, 'fine']);
    const rejected = (await told(page)).filter(({ name }) => name === 'rejected');
    expect(rejected.map(({ code }) => code)).toEqual(['not_json', 'not_json', 'message_too_large']);
  });

  test('reports what the hub rejects, does not send it again, and sends the rest', async () => {
    const page = await open();
    await page.evaluate(
      `hub.track('good'); hub.track('bad', { properties: { name: '😀' } }); hub.track('good too')`,
    );
    await page.evaluate('hub.flush()');
    expect(await data()).toEqual(['good', 'good too']);
    const after = (await told(page)).filter(({ name }) => name !== 'sending');
    expect(after.map(({ name, code }) => [name, code])).toEqual([
      ['sent', ''],
      ['rejected', 'invalid_property'],
      ['sent', ''],
    ]);
    await page.evaluate('hub.flush()');
    expect((await told(page)).filter(({ name }) => name === 'sending')).toHaveLength(3);
  });

  test('with a key that the hub refuses, reports all as rejected', async () => {
    const page = await open({ deviceKey: Buffer.alloc(32, 9).toString('base64') });
    await page.evaluate(`hub.track(1); hub.flush()`);
    await expect
      .poll(async () => (await told(page)).at(-1), SLOW)
      .toMatchObject({
        name: 'rejected',
        code: 'device_unauthorized',
      });
  });

  test('keeps no more than it may, and counts what it drops', async () => {
    const page = await open({ maxQueued: 10, endpoint: 'http://localhost:9/api' });
    await page.evaluate('for (let n = 0; n < 25; n++) hub.track({ n })');
    await expect.poll(() => page.evaluate('hub.dropped'), SLOW).toBe(15);
    const dropped = (await told(page)).filter(({ name }) => name === 'rejected');
    expect(dropped.map(({ code }) => code)).toEqual(Array(15).fill('queue_full'));
  });

  test('waits as long as Retry-After says', async () => {
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'throttle', retryAfterSeconds: 2 });
    const page = await open();
    await page.evaluate(`hub.track('patient')`);
    await expect
      .poll(async () => (await told(page)).at(-1), SLOW)
      .toMatchObject({
        name: 'retry',
        code: 'hub_throttled',
      });
    expect((await told(page)).at(-1)?.retryIn).toBeGreaterThan(1_000);
    stack.emulator.admin.clearFaults();
    await expect.poll(data, SLOW).toEqual(['patient']);
  });

  test.each([
    ['IndexedDB', ''],
    ['localStorage', `Object.defineProperty(window, 'indexedDB', { get() { throw new Error('none') } });`],
  ])('keeps its queue in %s across a reload', async (_, before) => {
    const page = await open({ endpoint: 'http://localhost:9/api' }, before);
    await page.evaluate('for (let n = 0; n < 50; n++) hub.track({ n })');
    // Only then is it known that a beacon would get nowhere.
    await expect.poll(async () => (await told(page)).map(({ name }) => name), SLOW).toContain('retry');
    await page.reload();
    await page.evaluate('hub.track({ n: 50 })');
    await page.evaluate('hub.flush()');
    await expect
      .poll(async () => new Set((await told(page)).map(({ messageId }) => messageId)).size, SLOW)
      .toBe(51);
  });

  test('works without any storage, and without Web Locks', async () => {
    const page = await open(
      {},
      `for (const name of ['indexedDB', 'localStorage']) Object.defineProperty(window, name, { get() { throw new Error('none') } });
       Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });`,
    );
    await page.evaluate(`hub.track('bare')`);
    await expect.poll(data, SLOW).toEqual(['bare']);
  });

  test('tracks nothing where the browser says Do Not Track, until the visitor agrees', async () => {
    const page = await open(
      {},
      `Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })`,
    );
    expect(await page.evaluate(`hub.track('secret') === undefined`)).toBe(true);
    await page.evaluate(`hub.setConsent(true); hub.track('agreed')`);
    await expect.poll(data, SLOW).toEqual(['agreed']);
  });

  test('forgets what is queued when the visitor does not agree any more', async () => {
    const page = await open({ batchTime: 60_000 });
    await page.evaluate(`hub.track('queued'); hub.setConsent(false)`);
    await page.evaluate(`hub.setConsent(true); hub.track('later')`);
    await page.evaluate('hub.flush()');
    expect(await data()).toEqual(['later']);
  });

  test('registers a device of its own, once, and anew when the hub does not know it any more', async () => {
    site.page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
        import { createHubfront } from './hubfront.mjs';
        window.registered = [];
        window.hub = createHubfront({
          endpoint: '${stack.host.url}/api',
          batchTime: 100,
          register: async (device) => {
            registered.push(device.deviceId);
            await window.registerDevice(device);
            return device;
          },
        });
      </script>`;
    const page = await context.newPage();
    await page.exposeFunction('registerDevice', async (device: { deviceId: string; deviceKey: string }) => {
      await stack.register(device.deviceId, device.deviceKey);
    });
    await page.goto(site.origin);
    await page.evaluate(`hub.track(1); hub.flush()`);
    await expect.poll(data, SLOW).toEqual([1]);
    await page.reload();
    await page.evaluate(`hub.track(2); hub.flush()`);
    await expect.poll(data, SLOW).toEqual([1, 2]);
    expect(await page.evaluate('registered')).toEqual([]);
    stack.emulator.admin.recreateHub();
    cursor = '0';
    await page.evaluate(`hub.track(3); hub.flush()`);
    await expect.poll(data, SLOW).toEqual([3]);
    expect(await page.evaluate('registered.length')).toBe(1);
  });

  test('as a classic script, is the global `hubfront`', async () => {
    site.page = `<!doctype html><link rel="icon" href="data:,"><script src="hubfront.js"></script><script>
      var hub = hubfront.createHubfront(${JSON.stringify({ endpoint: `${stack.host.url}/api/`, ...DEVICE })});
      hub.track('classic');
      hub.flush();
    </script>`;
    const page = await context.newPage();
    await page.goto(site.origin);
    await expect.poll(data, SLOW).toEqual(['classic']);
  });
});
