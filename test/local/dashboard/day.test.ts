/** A scripted day of visitors in Chromium: each figure of the dashboard equals a count of the feed. */
// @module-tag full

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Child } from '../../../local/childProcess';
import { startDashboard } from '../../../local/dashboard';
import { EXAMPLE_FILE, readSettingsFile } from '../../../local/settingsFile';
import { type Shop, startShop } from '../../../local/shop';
import shopProducts from '../../../local/shop/products.json';
import { type TestBrowser, browserProgram, launchBrowser } from '../../clients/browser';
import { KEY } from '../../stack';
import { feedPages } from '../../feedPages';
import { type JobStack, startJobStack } from './jobStack';

/** Twelve have each combination of what the visitors do. */
const VISITORS = 200;
/** Visits at the same time. The client waits two seconds for further events, so a visit is mostly waiting. */
const AT_ONCE = 6;
const SLOW = { timeout: 60_000, interval: 100 };
/** Longer than a session lasts without an event. */
const PAUSE_MS = 31 * 60_000;

interface Event {
  messageId: string;
  deviceId: string;
  body: { Data: Record<string, any> };
}

let shop: Shop;
let jobStack: JobStack;
let dashboard: Child;
let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  if (!browserProgram) return;
  shop = await startShop({ port: 0, keys: { registration: KEY, feed: KEY } });
  const { VISITOR_DEVICES = '', VISITOR_KEY = '' } = readSettingsFile(EXAMPLE_FILE) ?? {};
  const skus = shopProducts.flatMap(({ product_id, skus: all }) =>
    all.map((sku) => ({ ...sku, product_id })),
  );
  jobStack = await startJobStack(JSON.stringify(shopProducts), JSON.stringify(skus), {
    ...{ CORS_ALLOWED_ORIGINS: shop.origin, VISITOR_DEVICES, VISITOR_KEY },
  });
  shop.setApi(jobStack.stack.host.url);
  dashboard = startDashboard(jobStack.environment, console.error);
  browser = await launchBrowser();
});
afterAll(async () => {
  if (!browserProgram) return;
  await browser.close();
  await Promise.all([shop.close(), dashboard.close()]);
  await jobStack.close();
});

/** What a visitor does depends on their number only. */
async function visit(n: number): Promise<void> {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const campaign = n % 4 === 0 ? '?utm_source=mail&utm_medium=email&utm_campaign=autumn' : '';
  const referer = n % 3 === 0 ? { referer: 'https://news.example/autumn' } : {};
  await tab.goto(`${shop.origin}/${campaign}`, referer);
  for (let i = 0; i <= n % 3; i += 1) await buy(tab, n + 3 * i, n % 2 === 0);
  if (n % 2 === 0 && n % 3 !== 1) await order(tab);
  if (n % 5 === 0) {
    // Half an hour later, the same visitor returns.
    await tab.evaluate(
      `{ const s = JSON.parse(localStorage['hubfront-session']); s.last -= ${PAUSE_MS}; localStorage['hubfront-session'] = JSON.stringify(s); }`,
    );
    await tab.goto(shop.origin);
    await buy(tab, n + 1, true);
    await order(tab);
  }
  await expect.poll(() => tab.locator('#events li:not(.accepted):not(.in-the-feed)').count(), SLOW).toBe(0);
  await context.close();
}

/** Looks at a product, and puts it into the cart where `add` says so. */
async function buy(tab: Page, product: number, add: boolean): Promise<void> {
  const { product_name: name } = shopProducts[product % shopProducts.length] ?? { product_name: '' };
  await tab.getByRole('link', { name: 'Products' }).first().click();
  await tab.getByRole('link', { name: new RegExp(name) }).click();
  await tab.getByRole('heading', { name, level: 1 }).waitFor();
  const button = tab.getByRole('button', { name: 'Add to cart' });
  if (add && (await button.count()) > 0) await button.click();
}

async function order(tab: Page): Promise<void> {
  await tab.getByRole('link', { name: /^Cart/ }).click();
  const place = tab.getByRole('button', { name: 'Place the order' });
  await tab.getByRole('heading', { name: /cart/i, level: 1 }).waitFor();
  if ((await place.count()) === 0) return;
  const [quantity] = await tab.getByRole('combobox').all();
  await quantity?.selectOption('2');
  // The list is drawn anew, and the focus stays where it was.
  expect(await tab.evaluate('document.activeElement.tagName')).toBe('SELECT');
  await place.click();
  await tab.getByRole('heading', { name: 'Thank you' }).waitFor();
}

/** Ends the job with some of the day's rows in its results, and starts it again. The page reconnects. */
async function restart(): Promise<void> {
  await expect.poll(() => page.locator('#events').innerText(), SLOW).toMatch(/^[1-9]/);
  await dashboard.close();
  dashboard = startDashboard(jobStack.environment, console.error);
  await dashboard.ready;
}

/** A client of another kind, which sends GA4's names and a repeated message. */
async function orderElsewhere(): Promise<void> {
  const { json } = await jobStack.stack.register('till-1');
  const deviceKey = json.deviceInfo.authentication.symmetricKey.primaryKey as string;
  const items = [
    { item_id: '162', price: 12.5, quantity: 2 },
    { item_id: 'card', price: 5 },
  ];
  const deviceMessage = { event: 'purchase', transaction_id: 't-1', currency: 'EUR', value: 30, items };
  const messages = [1, 2].map(() => ({ messageId: 'order-1', deviceMessage }));
  expect((await jobStack.stack.send({ deviceId: 'till-1', deviceKey, messages })).status).toBe(201);
}

/** All events of the feed, each once, and how many messages the hub has stored: a browser may send one again. */
async function feed(): Promise<{ events: Event[]; stored: number }> {
  const found = new Map<string, Event>();
  let stored = 0;
  for await (const { json } of feedPages(jobStack.stack, { limit: 10_000 })) {
    const messages = json.messages as Event[];
    stored += messages.length;
    for (const message of messages) found.set(message.messageId, message);
  }
  return { events: [...found.values()], stored };
}

const distinct = (values: readonly unknown[]): number =>
  new Set(values.filter((value) => value !== undefined && value !== null)).size;
const yen = (amount: number): string => `¥${amount.toLocaleString('en')}`;
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** The texts of the dashboard, worked out from the feed. */
function expected(events: readonly Event[]): Record<string, unknown> {
  const data = events.map(({ body }) => body.Data);
  const visitorsOf = (of: readonly Event[]): number => distinct(of.map(({ deviceId }) => deviceId));
  const named = (event: string): Event[] => events.filter(({ body }) => body.Data.event === event);
  const orders = named('purchase');
  const stages = ['browse_product', 'add_to_cart', 'purchase'].map((event) => visitorsOf(named(event)));
  const sum = (currency: string): number =>
    orders
      .filter(({ body }) => body.Data.currency === currency)
      .reduce((total, { body }) => total + Number(body.Data.value), 0);
  const bySource = (nameOf: (event: Event) => string): string[] =>
    [...new Set(events.map(nameOf))]
      .map((name) => ({ name, all: events.filter((event) => nameOf(event) === name) }))
      .map(({ name, all }) => ({
        name,
        visitors: visitorsOf(all),
        orders: distinct(
          all.filter(({ body }) => body.Data.event === 'purchase').map(({ messageId }) => messageId),
        ),
      }))
      .sort((a, b) => b.visitors - a.visitors || a.name.localeCompare(b.name))
      .map((one) => `${one.name} ${count(one.visitors, 'visitor')}, ${count(one.orders, 'order')}`);
  const isJpy = ({ body }: Event): boolean => body.Data.currency === 'JPY';
  return {
    events: String(events.length),
    bars: String(events.length),
    visitors: String(visitorsOf(events)),
    sessions: String(distinct(data.map(({ session_id }) => session_id))),
    orders: String(orders.length),
    revenue: yen(sum('JPY')),
    otherRevenue: `plus\u00a0€${sum('EUR').toFixed(2)} in\u00a0EUR\u00a0orders`,
    ordersByCurrency: `${orders.filter(isJpy).length}\u00a0in\u00a0JPY, ${orders.length - orders.filter(isJpy).length}\u00a0in\u00a0EUR`,
    funnel: ['Viewed a product', 'Added to cart', 'Purchased'].map(
      (stage, i) =>
        `${stage} ${count(stages[i] ?? 0, 'visitor')}, ${Math.round((100 * (stages[i] ?? 0)) / Math.max(...stages))}%`,
    ),
    widths: stages.map((visitors) => ((100 * visitors) / Math.max(...stages)).toFixed(2)),
    referrers: bySource(({ body }) =>
      body.Data.page_referrer ? new URL(body.Data.page_referrer).hostname : 'Direct or unknown',
    ),
    campaigns: bySource(({ body }) => (body.Data.utm_campaign ? 'autumn (mail / email)' : 'No campaign')),
  };
}

/** The same texts, as the page shows them. */
async function shown(): Promise<Record<string, unknown>> {
  const text = (selector: string): Promise<string> => page.locator(selector).innerText();
  const lines = async (selector: string): Promise<string[]> =>
    (await page.locator(`${selector} li`).allInnerTexts()).map((line) => line.replace(/\s+/g, ' '));
  return {
    events: (await text('#events')).replace(',', ''),
    bars: /[\d,]+(?= event)/
      .exec((await page.locator('#minutes').getAttribute('aria-label')) ?? '')?.[0]
      .replace(',', ''),
    visitors: await text('#visitors'),
    sessions: await text('#sessions'),
    orders: await text('#orders'),
    revenue: await text('#revenue'),
    otherRevenue: await text('#revenue-detail'),
    ordersByCurrency: await text('#orders-detail'),
    funnel: await lines('#funnel'),
    widths: await page.evaluate(
      `[...document.querySelectorAll('#funnel .bar i')].map(({ style }) => parseFloat(style.width).toFixed(2))`,
    ),
    referrers: await lines('#referrers'),
    campaigns: await lines('#campaigns'),
  };
}

describe.skipIf(!browserProgram)('a day of visitors', () => {
  test(
    'is on the dashboard as it is in the feed, although the job restarts in the middle of it',
    { timeout: 600_000, retry: 0 },
    async () => {
      page = await browser.newPage();
      await page.goto(`${await dashboard.ready}/?range=360`);
      let next = 0;
      let restarted: Promise<void> | undefined;
      await Promise.all([
        orderElsewhere(),
        ...Array.from({ length: AT_ONCE }, async () => {
          while (next < VISITORS) {
            if (next >= VISITORS / 2) restarted ??= restart();
            await visit(next++);
          }
        }),
      ]);
      await restarted;
      const { events, stored } = await feed();
      const wanted = expected(events);
      expect(Number(wanted.visitors)).toBe(VISITORS + 1);
      expect(Number(wanted.sessions)).toBe(VISITORS + Math.ceil(VISITORS / 5));

      await expect.poll(shown, SLOW).toEqual(wanted);
      expect(await page.locator('#pipeline').innerText()).toContain(`${stored} events processed`);
    },
  );
});
