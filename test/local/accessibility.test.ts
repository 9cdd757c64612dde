/** axe-core on every page of the shop and the dashboard, in light, dark and forced colours. */

import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job } from '../../analytics/job';
import { translate } from '../../analytics/query';
import { emptyView, sampleView } from '../../local/dashboard/sampleView';
import { startDashboardServer } from '../../local/dashboard/server';
import type { View } from '../../local/dashboard/view';
import { type Shop, startShop } from '../../local/shop';
import type { WebServer } from '../../local/webServer';
import { type TestBrowser, browserProgram, launchBrowser } from '../clients/browser';
import { runs, testEach } from '../testSize';

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const MODES = [
  { name: 'light', colorScheme: 'light', forcedColors: 'none' },
  { name: 'dark', colorScheme: 'dark', forcedColors: 'none' },
  { name: 'forced colours', colorScheme: 'dark', forcedColors: 'active' },
] as const;
/** What may differ between the modes; in the full run, all rules are checked in all modes. */
const RULES_OF_COLOR = ['color-contrast', 'link-in-text-block'];

let shop: Shop;
let dashboard: WebServer;
let browser: TestBrowser;
let page: Page;
let view: () => View = () => sampleView(new Date());

beforeAll(async () => {
  if (!browserProgram) return;
  shop = await startShop({ port: 0, keys: { registration: 'a', feed: 'b' } });
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("ATTACH ':memory:' AS results");
  const job: Job = {
    plan: translate(readFileSync('infra/analytics/query.asaql', 'utf8')),
    connection,
    state: () => {
      throw new Error('the views are samples');
    },
    close: () => Promise.resolve(),
  };
  dashboard = await startDashboardServer({
    port: 0,
    shopUrl: shop.origin,
    view: () => Promise.resolve(view()),
    job,
  });
  shop.setAnalytics({ databaseUrl: 'postgres://127.0.0.1:1/none', dashboardUrl: dashboard.url });
  browser = await launchBrowser();
  // The page's own policy allows no further scripts.
  page = await (await browser.newContext({ bypassCSP: true })).newPage();
});
afterAll(async () => {
  await (browser as TestBrowser | undefined)?.close();
  if (!browserProgram) return;
  await Promise.all([shop.close(), dashboard.close()]);
});

/** What axe-core finds on the present page, in each mode. */
async function violations(): Promise<string[]> {
  const found: string[] = [];
  await page.evaluate(AXE);
  for (const { name, ...media } of MODES) {
    await page.emulateMedia({ ...media, reducedMotion: 'reduce' });
    const allRules = name === 'light' || runs(0, 1) === 1;
    const options = allRules ? {} : { runOnly: { type: 'rule', values: RULES_OF_COLOR } };
    const { violations: all } = await page.evaluate<AxeResults>(
      `axe.run(document, ${JSON.stringify(options)})`,
    );
    for (const { id, nodes } of all)
      found.push(
        `${name}: ${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary ?? ''}`).join('; ')}`,
      );
  }
  return found;
}

describe.skipIf(!browserProgram)('axe-core reports nothing', () => {
  testEach(1, [
    ['the products', '/', 'Things worth wearing twice'],
    ['a product', '/products/162-spangle-bag', 'Spangle bag'],
    ['an empty cart', '/cart', 'Your cart is empty'],
    ['an unknown page', '/products/0-nothing', 'There is no such page'],
  ])('on %s', async (_, path, heading) => {
    await page.goto(shop.origin + path);
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
    expect(await violations()).toEqual([]);
  });

  test('on a cart, on an order, and on the events beside them', { tags: 'full' }, async () => {
    await page.goto(`${shop.origin}/products/171-ribbon-pumps`);
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.getByText('Added to your cart.').waitFor();
    expect(await violations()).toEqual([]);
    await page.goto(`${shop.origin}/cart`);
    await page.getByRole('heading', { name: 'Cart', level: 1 }).waitFor();
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: 'Place the order' }).click();
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    expect(await violations()).toEqual([]);
  });

  const stopped = (): View => {
    const sample = sampleView(new Date());
    return {
      ...sample,
      job: { ...sample.job, status: 'stopped', problem: 'query.asaql:1:1: a CAST failed' },
    };
  };
  testEach<[string, () => View]>(1, [
    ['live', () => sampleView(new Date())],
    ['empty', () => emptyView(new Date())],
    ['starting', () => emptyView(new Date(), 'waiting')],
    ['stopped', stopped],
  ])('on the dashboard while it is %s', async (state, sample) => {
    view = sample;
    await page.goto(dashboard.url);
    await page.locator(`body[data-state="${state}"]`).waitFor();
    expect(await violations()).toEqual([]);
  });

  test('on the dashboard at 320 px, which needs no scrolling sideways', { tags: 'full' }, async () => {
    view = () => sampleView(new Date());
    await page.setViewportSize({ width: 320, height: 640 });
    for (const url of [
      dashboard.url,
      `${dashboard.url}/report/`,
      shop.origin,
      `${shop.origin}/products/162-spangle-bag`,
    ]) {
      await page.goto(url);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    }
    await page.goto(dashboard.url);
    await page.locator('body[data-state="live"]').waitFor();
    expect(await violations()).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 720 });
  });

  test('on the report', { tags: 'full' }, async () => {
    await page.goto(`${dashboard.url}/report/`);
    expect(await violations()).toEqual([]);
  });

  test('while the dashboard is gone, and counts down to the next attempt', { tags: 'full' }, async () => {
    view = () => sampleView(new Date());
    await page.goto(dashboard.url);
    await page.locator('body[data-state="live"]').waitFor();
    await dashboard.close();
    await page
      .getByRole('status')
      .getByText(/Reconnecting in \d+ s/)
      .waitFor();
    expect(await page.locator('#lag').isVisible()).toBe(false);
    expect(await violations()).toEqual([]);
  });
});

describe('a page', () => {
  test('answers HEAD as GET, without a body', async () => {
    const server = await startShop({ port: 0, keys: { registration: 'a', feed: 'b' } });
    for (const path of ['/', '/cart', '/shop.js', '/offers', '/live']) {
      const response = await fetch(server.origin + path, { method: 'HEAD' });
      expect([path, response.status, await response.text()]).toEqual([path, 200, '']);
    }
    await server.close();
  });
});
