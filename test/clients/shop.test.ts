import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Shop, startShop } from '../../local/shop';
import { EXAMPLE_FILE, readSettingsFile } from '../../local/settingsFile';
import { KEY, type Stack, startStack } from '../stack';
import { IS_FULL } from '../testSize';
import { type TestBrowser, SHORT_BATCH_TIME, browserProgram, launchBrowser, watchMessages } from './browser';

const SLOW = { timeout: 50_000, interval: 50 };

interface FeedMessage {
  messageId: string;
  deviceId: string;
  body: { Data: { event: string; product_id: number } };
}

let shop: Shop;
/** A shop whose origin the functions do not allow. */
let stranger: Shop;
let stack: Stack;
let browser: TestBrowser;
let context: BrowserContext;
let cursor: string;

beforeAll(async () => {
  [shop, stranger] = (await Promise.all(
    [1, 2].map(() => startShop({ port: 0, keys: { registration: KEY, feed: KEY } })),
  )) as [Shop, Shop];
  const { VISITOR_DEVICES = '', VISITOR_KEY = '' } = readSettingsFile(EXAMPLE_FILE) ?? {};
  stack = await startStack({
    settings: { CORS_ALLOWED_ORIGINS: shop.origin, VISITOR_DEVICES, VISITOR_KEY },
  });
  for (const { setApi } of [shop, stranger]) setApi(stack.host.url);
  if (browserProgram) browser = await launchBrowser();
});
afterAll(async () => {
  await (browser as TestBrowser | undefined)?.close();
  await Promise.all([shop.close(), stranger.close()]);
  await stack.close();
});

/** The messages that have come since the test began. */
async function arrived(): Promise<FeedMessage[]> {
  const { json } = await stack.feed({ after_offset: cursor, limit: 10_000 });
  return json.messages as FeedMessage[];
}

describe.skipIf(!browserProgram)('the shop, in Chromium', () => {
  const errors: string[] = [];
  beforeEach(async () => {
    errors.length = 0;
    cursor = (await stack.feed({ limit: 10_000 })).json.next_offset as string;
    context = await browser.newContext();
  });
  afterEach(async () => {
    stack.emulator.admin.clearFaults();
    await context.close();
    expect(errors).toEqual([]);
  });

  /** @param isPatient whether its batches wait for further events as long as those of a visitor do */
  async function open(url = shop.origin, isPatient = false): Promise<Page> {
    const page = await context.newPage();
    if (!isPatient) await page.addInitScript(SHORT_BATCH_TIME);
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(url);
    return page;
  }

  async function browse(page: Page, name: string): Promise<void> {
    await page.getByRole('link', { name: 'Products' }).first().click();
    await page.getByRole('link', { name: new RegExp(name) }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
  }

  /** As a visitor closes a tab. */
  const leave = (page: Page) =>
    Promise.all([page.waitForEvent('close'), page.close({ runBeforeUnload: true })]);
  const addToCart = (page: Page) => page.getByRole('button', { name: 'Add to cart' }).click();
  const accepted = (page: Page) => page.locator('#events .accepted, #events .in-the-feed').count();

  test('three products and one in the cart give exactly these events, in order', async () => {
    const page = await open();
    for (const name of ['Spangle bag', 'Denim jacket', 'Straw hat']) await browse(page, name);
    await page.getByLabel('Brown').check();
    await addToCart(page);
    await expect.poll(() => page.locator('#events .in-the-feed').count(), SLOW).toBe(4);

    const messages = await arrived();
    expect(messages.map(({ body }) => body.Data)).toMatchObject([
      {
        event: 'browse_product',
        product_id: 162,
        referer_product_id: null,
        color_name: 'BLACK',
        size_name: 'FREE',
      },
      { event: 'browse_product', product_id: 233, referer_product_id: 162 },
      { event: 'browse_product', product_id: 247, referer_product_id: 233 },
      { event: 'add_to_cart', product_id: 247, color_name: 'BROWN' },
    ]);
    expect(await page.locator('#events code').allTextContents()).toEqual(
      messages.map(({ messageId }) => messageId).reverse(),
    );
    expect(await page.locator('#feed .mine').count()).toBe(4);
    expect(await page.locator('#device').textContent()).toContain(messages[0]?.deviceId);

    await page.getByRole('link', { name: /^Cart/ }).click();
    await page.getByRole('button', { name: 'Place the order' }).click();
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    await expect.poll(async () => (await arrived()).at(-1)?.body.Data.event, SLOW).toBe('purchase');
  });

  test('can be used by keyboard alone', { tags: 'full' }, async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the shop');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Spangle bag', level: 1 }).waitFor();
    await page.getByLabel('Black').focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByLabel('Red').isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Add to cart' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByRole('link', { name: 'Cart 1' }).count()).toBe(1);
  });

  test('sends one preflight for the first send and none for the next', { tags: 'full' }, async () => {
    const page = await open();
    const seen = await watchMessages(context, page);
    await browse(page, 'Spangle bag');
    await expect.poll(() => accepted(page), SLOW).toBe(1);
    await addToCart(page);
    await expect.poll(() => accepted(page), SLOW).toBe(2);
    expect(seen.map(({ kind }) => kind).sort()).toEqual(['post', 'post', 'preflight']);
    expect(seen.at(-1)?.contentType).toBe('application/json');
  });

  test(
    'on an origin that is not allowed, still works although the browser blocks its sends',
    { tags: 'full' },
    async () => {
      const page = await open(stranger.origin);
      await browse(page, 'Spangle bag');
      await expect.poll(() => page.locator('#events .waiting').count(), SLOW).toBe(1);
      await expect.poll(() => page.locator('#events .state').textContent(), SLOW).toContain('unreachable');
      await addToCart(page);
      await browse(page, 'Straw hat');
      expect(await page.getByRole('link', { name: 'Cart 1' }).count()).toBe(1);
      await leave(page);
      expect(await arrived()).toEqual([]);
    },
  );

  test('switched offline, with 50 events and a reload: all arrive once when it is online again', async () => {
    const page = await open(`${shop.origin}/products/162-spangle-bag`);
    await expect.poll(() => accepted(page), SLOW).toBe(1);
    await page.getByLabel('Simulate offline').check();
    await page.evaluate(
      `for (let i = 0; i < 50; i++) document.getElementById('add-to-cart').requestSubmit()`,
    );
    await page.reload();
    expect(await page.getByLabel('Simulate offline').isChecked()).toBe(true);
    await expect.poll(() => page.locator('#events .waiting').count(), SLOW).toBeGreaterThanOrEqual(50);
    expect(await arrived()).toHaveLength(1);
    await page.getByLabel('Simulate offline').uncheck();
    await expect.poll(async () => (await arrived()).length, SLOW).toBe(52);
    const messages = await arrived();
    expect(messages.filter(({ body }) => body.Data.event === 'add_to_cart')).toHaveLength(50);
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(52);
  });

  test(
    'without a network, with 50 events and a closed tab: all arrive on the next visit',
    { tags: 'full' },
    async () => {
      const page = await open(`${shop.origin}/products/162-spangle-bag`);
      await expect.poll(() => accepted(page), SLOW).toBe(1);
      await context.setOffline(true);
      await page.evaluate(
        `for (let i = 0; i < 50; i++) document.getElementById('add-to-cart').requestSubmit()`,
      );
      await leave(page);
      await context.setOffline(false);
      await open();
      await expect.poll(async () => (await arrived()).length, SLOW).toBe(51);
      expect(new Set((await arrived()).map(({ messageId }) => messageId)).size).toBe(51);
    },
  );

  test('closed during a visit, sends the remaining events as a beacon', async () => {
    const page = await open(`${shop.origin}/products/162-spangle-bag`, true);
    await expect.poll(() => accepted(page), SLOW).toBe(1);
    await addToCart(page);
    await browse(page, 'Leather belt');
    await leave(page);
    await expect.poll(async () => (await arrived()).length, SLOW).toBe(3);
    expect((await arrived()).map(({ body }) => body.Data.event)).toEqual([
      'browse_product',
      'add_to_cart',
      'browse_product',
    ]);
  });

  test(
    'closed soon after the very first event of a new visitor, sends it as a beacon',
    { tags: 'full' },
    async () => {
      const page = await open(`${shop.origin}/products/162-spangle-bag`, true);
      // The page has read the response, too.
      await expect
        .poll(
          () =>
            page.evaluate(`Object.values(localStorage).some((text) => text.includes('"registered":true'))`),
          SLOW,
        )
        .toBe(true);
      await leave(page);
      await expect.poll(async () => (await arrived()).length, SLOW).toBe(1);
    },
  );

  test('needs no preflight for a beacon', { tags: 'full' }, async () => {
    const page = await open(`${shop.origin}/products/162-spangle-bag`, true);
    await expect.poll(() => accepted(page), SLOW).toBe(1);
    const seen = await watchMessages(context, page);
    await addToCart(page);
    await page.evaluate(`dispatchEvent(new PageTransitionEvent('pagehide'))`);
    await expect
      .poll(() => page.locator('#events .state').first().textContent(), SLOW)
      .toMatch(/beacon|feed/);
    await expect.poll(async () => (await arrived()).length, SLOW).toBe(2);
    expect(seen).toEqual([{ kind: 'beacon', contentType: 'text/plain;charset=UTF-8' }]);
  });

  test(
    'while the hub throttles for a while, loses nothing and repeats nothing',
    { tags: 'full' },
    async () => {
      // The app retries a throttled send until this time has passed.
      await stack.restartHost({ HUB_DEADLINE_SECONDS: '2' });
      onTestFinished(() => stack.restartHost());
      const page = await open(`${shop.origin}/products/162-spangle-bag`);
      await expect.poll(() => accepted(page), SLOW).toBe(1);
      stack.emulator.admin.armFault({ target: 'telemetry', kind: 'throttle', retryAfterSeconds: 1 });
      for (let i = 0; i < 5; i++) await addToCart(page);
      await expect.poll(() => page.locator('#events .waiting').count(), SLOW).toBe(5);
      expect(await page.locator('#events .state').first().textContent()).toContain('hub_throttled');
      for (let i = 0; i < 5; i++) await addToCart(page);
      // The next attempt begins seconds later.
      if (IS_FULL) await expect.poll(() => page.locator('#events .waiting').count(), SLOW).toBe(10);
      await expect.poll(() => page.locator('#events li').count(), SLOW).toBe(11);
      stack.emulator.admin.clearFaults();
      // The client pauses longer after each failure, and retries at once when the browser is online again.
      await page.evaluate("dispatchEvent(new Event('online'))");
      await expect.poll(() => accepted(page), { timeout: 100_000 }).toBe(11);
      const ids = (await arrived()).map(({ messageId }) => messageId);
      expect(new Set(ids).size).toBe(11);
      expect(await page.locator('#events li').count()).toBe(11);
    },
  );

  test('in two tabs has one sender, and the other tab takes over', { tags: 'full' }, async () => {
    const pages = [await open(), await open()];
    const posts = pages.map((page) => {
      const sent: string[] = [];
      page.on('request', (request) => {
        if (request.method() === 'POST' && request.url().endsWith('/api/messages')) sent.push(request.url());
      });
      return sent;
    });
    const [first, second] = pages as [Page, Page];
    await Promise.all([browse(first, 'Spangle bag'), browse(second, 'Straw hat')]);
    for (const page of pages) await addToCart(page);
    for (const page of pages) await expect.poll(() => accepted(page), SLOW).toBeGreaterThanOrEqual(2);
    expect((await arrived()).length).toBe(4);
    expect(new Set((await arrived()).map(({ deviceId }) => deviceId)).size).toBe(1);
    expect(posts.filter((sent) => sent.length > 0)).toHaveLength(1);

    const sender = posts[0]?.length ? first : second;
    const other = sender === first ? second : first;
    await leave(sender);
    await addToCart(other);
    await expect.poll(async () => (await arrived()).length, SLOW).toBe(5);
  });
});
