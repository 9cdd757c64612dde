/** The pages of the shop and the dashboard where something is missing: the functions, or JavaScript. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleView } from '../../local/dashboard/sampleView';
import { startDashboardServer } from '../../local/dashboard/server';
import { type Shop, startShop } from '../../local/shop';
import type { WebServer } from '../../local/webServer';
import { type TestBrowser, browserProgram, launchBrowser } from '../clients/browser';

const SLOW = { timeout: 50_000, interval: 50 };

describe.skipIf(!browserProgram)('a page of the shop', () => {
  let shop: Shop;
  let dashboard: WebServer;
  let browser: TestBrowser;
  beforeAll(async () => {
    shop = await startShop({ port: 0, keys: { registration: 'a', feed: 'b' } });
    dashboard = await startDashboardServer({
      port: 0,
      shopUrl: shop.origin,
      view: () => Promise.resolve(sampleView(new Date())),
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([shop.close(), dashboard.close()]);
  });

  test('counts down to the next attempt while the functions cannot be reached', async () => {
    const page = await browser.newPage();
    // The longest pauses: the client waits for a random part of them.
    await page.addInitScript('Math.random = () => 0.99');
    await page.goto(`${shop.origin}/products/162-spangle-bag`);
    const state = page.locator('#events .waiting .state');
    await state.waitFor();
    await page.evaluate(`
      window.texts = [];
      setInterval(() => {
        const text = document.querySelector('#events .waiting .state')?.textContent;
        if (text && text !== texts.at(-1)) texts.push(text);
      }, 50);`);
    const seconds = async (): Promise<number[]> =>
      (await page.evaluate<string[]>('texts')).map((text) => {
        expect(text).toMatch(/^\w+, next try (in \d+ s|now)$/);
        return Number(/\d+/.exec(text)?.[0] ?? 0);
      });
    await expect
      .poll(async () => {
        const all = await seconds();
        return all.some((value, i) => value > 0 && all[i + 1] === value - 1);
      }, SLOW)
      .toBe(true);
    await page.getByLabel('Simulate offline').check();
    await expect.poll(() => state.textContent(), SLOW).toBe('offline, waiting');
    await page.close();
  });

  test(
    'without JavaScript says what is needed, and the dashboard offers what works',
    { tags: 'full' },
    async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      for (const path of ['/', '/cart', '/products/162-spangle-bag']) {
        await page.goto(shop.origin + path);
        expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('This shop needs JavaScript');
        expect(await page.getByText('Behind the scenes').isVisible()).toBe(false);
      }
      await page.goto(dashboard.url);
      expect(await page.locator('.notice').first().innerText()).toContain('This dashboard needs JavaScript.');
      for (const dead of ['#status', '#filters', 'main', '#pipeline'])
        expect(await page.locator(dead).isVisible()).toBe(false);
      const links = await page
        .locator('.notice a')
        .evaluateAll((all) => all.map((link) => link.getAttribute('href')));
      expect(links).toEqual(['events.csv', 'report/']);
      await context.close();
    },
  );

  test(
    'names events as the dashboard does, lists whole rows, and shows all of them on request',
    { tags: 'full' },
    async () => {
      const events = [
        'browse_product',
        'add_to_cart',
        'purchase',
        'browse_product',
        'add_to_cart',
        'checkout',
      ];
      const messages = events.map((event, sequenceNumber) => {
        const items = event === 'purchase' ? { items: [{}, {}] } : {};
        const Data = {
          event,
          event_value: 'https://spangle.example/products/204-wool-muffler?color=384',
          ...items,
        };
        return { partitionId: '0', sequenceNumber, enqueuedTimeUtc: '2026-11-24T10:00:00Z', body: { Data } };
      });
      const page = await browser.newPage({ viewport: { width: 390, height: 700 } });
      const body = messages.map((message) => `data: ${JSON.stringify(message)}\n\n`).join('');
      await page.route('**/live', (route) => route.fulfill({ contentType: 'text/event-stream', body }));
      await page.goto(shop.origin);
      const shown = page.locator('#feed summary').filter({ visible: true });
      await expect.poll(() => shown.count()).toBe(4);
      await page.getByRole('button', { name: 'Show all 6 messages' }).click();
      expect(await shown.allInnerTexts()).toEqual([
        'checkout: Wool muffler',
        'Added to cart: Wool muffler',
        'Viewed a product: Wool muffler',
        'Purchased: 2 items',
        'Added to cart: Wool muffler',
        'Viewed a product: Wool muffler',
      ]);
      expect(await page.locator('#no-events').innerText()).toBe(
        'No events since this page was loaded. Open a product to send one.',
      );
      const left = (selector: string) =>
        page.evaluate<number>(`(() => {
        const text = document.createRange();
        text.selectNodeContents(document.querySelector('${selector}'));
        return text.getBoundingClientRect().left;
      })()`);
      expect(await left('.brand')).toBe(await left('h1'));
      expect(await left('.brand')).toBe(await left('#panel-title'));
      await page.close();
    },
  );

  test(
    'keeps the focus on a quantity that changes, and moves it to the page with the removed product',
    { tags: 'full' },
    async () => {
      const page = await browser.newPage();
      for (const path of ['/products/162-spangle-bag', '/products/256-leather-belt']) {
        await page.goto(shop.origin + path);
        await page.getByRole('button', { name: 'Add to cart' }).click();
      }
      await page.getByRole('link', { name: /^Cart/ }).click();
      const quantity = page.getByLabel('Quantity of Leather belt');
      await quantity.focus();
      await page.keyboard.press('3');
      await page.keyboard.press('Enter');
      await page.getByText('¥9,600', { exact: true }).waitFor();
      const places = await page.evaluate<number[]>(
        `[...document.querySelectorAll('#main select')].map((select) => select.getBoundingClientRect().left)`,
      );
      expect(new Set(places).size).toBe(1);
      expect(await quantity.and(page.locator(':focus')).count()).toBe(1);
      expect(await page.locator('#announcement').innerText()).toBe('Leather belt: quantity 3.');
      await page.getByRole('button', { name: 'Remove Leather belt' }).press('Enter');
      expect(await page.evaluate('document.activeElement.id')).toBe('main');
      expect(await page.locator('#main select').count()).toBe(1);
      await page.close();
    },
  );

  test('names the state of a product also in the cart', { tags: 'full' }, async () => {
    const page = await browser.newPage({ viewport: { width: 390, height: 700 } });
    await page.goto(`${shop.origin}/products/233-denim-jacket`);
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.getByRole('link', { name: /^Cart/ }).click();
    await page.locator('.line').getByText('Navy, S · Pre-order').waitFor();
    await page.close();
  });

  test('spells British English on its pages', { tags: 'full' }, async () => {
    const page = await browser.newPage();
    for (const path of ['/', '/products/204-wool-muffler', '/products/268-knit-cardigan']) {
      await page.goto(shop.origin + path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(await page.locator('main').innerText()).not.toMatch(/gray|color\b/i);
    }
    await page.getByLabel('Grey').waitFor({ state: 'attached' });
    await page.goto(dashboard.url);
    await page.locator('body[data-state="live"]').waitFor();
    expect(await page.locator('body').innerText()).not.toMatch(/gray|color\b/i);
    await page.close();
  });

  test('shows a message of another client as it is', { tags: 'full' }, async () => {
    const body = { deviceId: 'till', Data: { event: { name: 'sale' } } };
    const message = { partitionId: '0', sequenceNumber: 1, enqueuedTimeUtc: '2026-11-24T10:00:00Z', body };
    const page = await browser.newPage();
    const stream = { contentType: 'text/event-stream', body: `data: ${JSON.stringify(message)}\n\n` };
    await page.route('**/live', (route) => route.fulfill(stream));
    await page.goto(shop.origin);
    expect(await page.locator('#feed summary').innerText()).toBe(JSON.stringify(body));
    await page.close();
  });
});
