// @module-tag full

import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Shop, startShop } from '../../local/shop';
import { KEY, type Stack, startStack } from '../stack';
import { type TestBrowser, browserProgram, launchBrowser } from './browser';

const SLOW = { timeout: 50_000, interval: 50 };
/** Browsers open six HTTP/1.1 connections to an origin. */
const TABS = 7;

describe.skipIf(!browserProgram)('the shop in many tabs, and for a visitor who is not to be tracked', () => {
  let shop: Shop;
  let stack: Stack;
  let browser: TestBrowser;
  let context: BrowserContext;
  beforeAll(async () => {
    shop = await startShop({ port: 0, keys: { registration: KEY, feed: KEY } });
    stack = await startStack({ settings: { CORS_ALLOWED_ORIGINS: shop.origin } });
    shop.setApi(stack.host.url);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await shop.close();
    await stack.close();
  });
  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(() => context.close());

  async function open(path = '/', before = ''): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.addInitScript(`
      window.streams = 0;
      const Original = EventSource;
      window.EventSource = class extends Original {
        constructor(url) { super(url); streams += 1 }
        close() { super.close(); streams -= 1 }
      };
      ${before}
    `);
    await page.goto(shop.origin + path);
    return page;
  }
  const hide = (page: Page, hidden = true) =>
    page.evaluate(`
      Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    `);
  const streams = (pages: Page[]) => Promise.all(pages.map((page) => page.evaluate<number>('streams')));
  const sum = async (pages: Page[]) => (await streams(pages)).reduce((total, count) => total + count, 0);
  const isConnected = (page: Page) => page.locator('#feed-state.on').count();

  test('loads in the seventh tab, and each tab shows the live feed', { tags: 'full' }, async () => {
    const pages: Page[] = [];
    for (let tab = 0; tab < TABS; tab += 1) pages.push(await open());
    for (const page of pages) await expect.poll(() => isConnected(page), SLOW).toBe(1);
    expect(await sum(pages)).toBe(1);
    const [first, last] = [pages[0], pages.at(-1)] as [Page, Page];
    await first.getByRole('link', { name: /Spangle bag/ }).click();
    for (const page of [first, last]) await expect.poll(() => page.locator('#feed li').count(), SLOW).toBe(1);

    // A tab that joins later has what was there before; hidden tabs hold no stream, and another takes it over.
    const late = await open();
    await expect.poll(() => late.locator('#feed li').count(), SLOW).toBe(1);
    for (const page of pages) await hide(page);
    await expect.poll(() => late.evaluate('streams'), SLOW).toBe(1);
    expect(await sum(pages)).toBe(0);
    await hide(late);
    expect(await late.evaluate('streams')).toBe(0);
    await hide(last, false);
    await expect.poll(() => last.evaluate('streams'), SLOW).toBe(1);
    await expect.poll(() => last.locator('#feed li').count(), SLOW).toBe(1);
  });

  test('lists the events of an earlier visit below those of this one', async () => {
    const page = await open('/products/162-spangle-bag');
    await expect.poll(() => page.locator('#events .in-the-feed').count(), SLOW).toBe(1);
    await page.getByLabel('Simulate offline').check();
    for (let n = 0; n < 3; n += 1) await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.reload();
    await expect.poll(() => page.locator('#events li').count(), SLOW).toBe(4);
    await expect
      .poll(() => page.locator('#events .state').first().textContent(), SLOW)
      .toBe('offline, waiting');
    expect(await page.locator('#offline-note').isVisible()).toBe(true);
    expect(await page.locator('#offline-note').innerText()).toContain('Only sending is paused.');
    const ids = await page.locator('#events code').allTextContents();
    expect(ids).toEqual([...ids].sort().reverse());
    expect(await page.locator('#events strong').allTextContents()).toEqual([
      'Viewed a product',
      'Added to cart',
      'Added to cart',
      'Added to cart',
    ]);
  });

  test.each([
    [
      'Global Privacy Control',
      `Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })`,
    ],
    ['Do Not Track', `Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })`],
  ])('explains that %s is why nothing is sent, until the visitor agrees', async (signal, before) => {
    const page = await open('/products/162-spangle-bag', before);
    expect(await page.locator('#privacy').textContent()).toContain(`asks sites not to track you (${signal})`);
    expect(await page.locator('#no-events').textContent()).toContain(signal);
    expect(await page.locator('#events li').count()).toBe(0);
    await page.locator('#agree').click();
    expect(await page.locator('#privacy').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await expect.poll(() => page.locator('#events .in-the-feed').count(), SLOW).toBe(1);
    await page.reload();
    expect(await page.locator('#privacy').isVisible()).toBe(false);
  });

  test('does not mention privacy signals if there are none', { tags: 'full' }, async () => {
    const page = await open();
    expect(await page.locator('#privacy').isVisible()).toBe(false);
  });
});
