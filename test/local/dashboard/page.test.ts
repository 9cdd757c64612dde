/** The dashboard's page in Chromium, with sample figures. */

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { emptyView, sampleView } from '../../../local/dashboard/sampleView';
import { startDashboardServer } from '../../../local/dashboard/server';
import type { View } from '../../../local/dashboard/view';
import type { WebServer } from '../../../local/webServer';
import { browserProgram, launchBrowser } from '../../clients/browser';

/** `--accent` in light mode */
const LIGHT_ACCENT = '11,92,192';

interface Box {
  left: number;
  right: number;
  bottom: number;
}

describe.skipIf(!browserProgram)('the page of the dashboard', () => {
  let dashboard: WebServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let view: View;

  beforeAll(async () => {
    dashboard = await startDashboardServer({
      port: 0,
      shopUrl: 'http://localhost:1',
      view: () => Promise.resolve({ ...view, now: new Date().toISOString() }),
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await dashboard.close();
  });
  beforeEach(async () => {
    view = sampleView(new Date());
    context = await browser.newContext({ viewport: { width: 1360, height: 900 }, reducedMotion: 'reduce' });
    page = await context.newPage();
    await page.goto(dashboard.url);
    await page.locator('body[data-state="live"]').waitFor();
  });
  afterEach(() => context.close());

  test('prints the chart in its tile, in dark ink, with the filters and the time instead of controls', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.locator('select[name=product]').selectOption({ label: 'Spangle bag' });
    // The layout on paper exists only while the browser prints.
    await page.evaluate(`matchMedia('print').addEventListener('change', ({ matches }) => {
      if (!matches) return;
      const box = (selector) => document.querySelector(selector).getBoundingClientRect().toJSON();
      const isShown = (element) => element.getClientRects().length > 0;
      const { width, height } = document.querySelector('#minutes');
      const pixels = document.querySelector('#minutes').getContext('2d').getImageData(0, 0, width, height).data;
      const inks = {};
      for (let i = 0; i < pixels.length; i += 4)
        if (pixels[i + 3] === 255) inks[pixels.slice(i, i + 3)] = (inks[pixels.slice(i, i + 3)] ?? 0) + 1;
      window.paper = {
        width: document.documentElement.getBoundingClientRect().width,
        canvas: box('#minutes'), tile: box('section:has(#minutes)'), neighbour: box('section:has(#funnel)'),
        figures: [...document.querySelectorAll('.figure')].map((figure) => figure.getBoundingClientRect().top),
        controls: [...document.querySelectorAll('button, select, #status')].filter(isShown).length,
        printed: document.querySelector('#printed').innerText,
        ink: Object.entries(inks).sort(([, a], [, b]) => b - a)[0][0],
      };
    })`);
    const pdf = (await page.pdf({ format: 'A4' })).toString('latin1');
    const paper = await page.evaluate<{
      width: number;
      canvas: Box;
      tile: Box;
      neighbour: Box;
      figures: number[];
      controls: number;
      printed: string;
      ink: string;
    }>('window.paper');
    expect(paper.canvas.right).toBeLessThanOrEqual(paper.tile.right);
    expect(paper.canvas.bottom).toBeLessThanOrEqual(paper.tile.bottom);
    expect(paper.tile.right).toBeLessThanOrEqual(paper.neighbour.left);
    expect(paper.neighbour.right).toBeLessThanOrEqual(paper.width);
    expect(new Set(paper.figures).size).toBe(1);
    expect(paper.controls).toBe(0);
    expect(paper.printed).toMatch(/^Last hour · All events · Spangle bag · .*\b20\d\d\b/);
    expect(paper.ink).toBe(LIGHT_ACCENT);
    expect(pdf.match(/\/Type \/Page\b/g)).toHaveLength(2);
    expect(await page.evaluate(`document.documentElement.className`)).toBe('');
  });

  test('keeps the focus on a link while new rows arrive and its own row changes', async () => {
    const focus = () => page.evaluate('document.activeElement.href ?? document.activeElement.tagName');
    const arrive = async (): Promise<void> => {
      const [first, ...others] = view.recent;
      const [top, ...rest] = view.products;
      if (!first || !top) return;
      view = {
        ...view,
        counts: { ...view.counts, events: view.counts.events + 1 },
        recent: [{ ...first, key: `new-${view.counts.events}`, size: 'new' }, first, ...others],
        products: [...rest, { ...top, visitors: top.visitors + 1 }],
      };
      await expect.poll(() => page.locator('#events').innerText()).toBe(String(view.counts.events));
    };
    const recent = page.locator('#recent a').nth(2);
    await recent.focus();
    await page.evaluate('window.before = document.activeElement');
    const href = await focus();
    await arrive();
    expect(await focus()).toBe(href);
    expect(await page.evaluate('window.before === document.activeElement')).toBe(true);
    await page.locator('#products a').first().focus();
    const product = await focus();
    await arrive();
    await page.locator('#products tr').last().getByRole('link').and(page.locator(':focus')).waitFor();
    expect(await focus()).toBe(product);
  });

  test('shows an absurd amount in few characters, and its cards stay within 320 px', async () => {
    const [first] = view.recent;
    if (!first) return;
    const absurd = { ...first, key: 'absurd', price: 1e300, event: 'x'.repeat(200) };
    view = {
      ...view,
      revenue: [{ currency: 'JPY', revenue: 1e300, refunded: 2.5, orders: 1, items: 1 }],
      recent: [absurd, ...view.recent],
    };
    await expect.poll(() => page.locator('#revenue').innerText()).toBe('1.000e+300 JPY');
    expect(await page.locator('#revenue-detail').innerText()).toBe(
      '1 item in 1 order\nafter refunds of\u00a0¥3',
    );
    await page.setViewportSize({ width: 320, height: 700 });
    const overflow = `(() => { const all = document.querySelector('#recent').closest('.scroll'); return all.scrollWidth - all.clientWidth; })()`;
    await expect.poll(() => page.evaluate(overflow)).toBe(0);
  });

  test('shows the newest 12 events, all of them on request and on paper, and hides no row with the focus', async () => {
    const rows = page.locator('#recent tr').filter({ visible: true });
    expect(await rows.count()).toBe(12);
    await page.emulateMedia({ media: 'print' });
    expect(await rows.count()).toBe(view.recent.length);
    await page.emulateMedia({ media: 'screen' });
    await page.getByRole('button', { name: `Show the newest ${view.recent.length} events` }).click();
    expect(await rows.count()).toBe(view.recent.length);
    await page.locator('#recent a').nth(14).focus();
    await page.evaluate(`document.querySelector('#more').dispatchEvent(new Event('click'))`);
    expect(await rows.count()).toBe(13);
    expect(await page.locator('#recent tr').nth(14).isVisible()).toBe(true);
    view = { ...view, recent: view.recent.slice(0, 12) };
    await expect.poll(() => page.locator('#more').isVisible()).toBe(false);
  });

  test('shows zeros only once the job counts, and no share of nothing', async () => {
    const values = () => page.locator('.figure .value, #funnel li span:nth-child(2)').allInnerTexts();
    view = emptyView(new Date(), 'waiting');
    await page.locator('body[data-state="starting"]').waitFor();
    expect(new Set(await values())).toEqual(new Set(['–']));
    expect(new Set(await page.locator('.nothing').allInnerTexts())).toEqual(new Set(['–']));
    expect(await page.getByRole('link', { name: 'Open the shop' }).isVisible()).toBe(false);
    expect(await page.locator('#empty-text code').innerText()).toBe('npm start');
    expect(await page.locator('#minutes').isVisible()).toBe(false);
    expect(await page.locator('footer').innerText()).not.toContain('0 events');
    view = emptyView(new Date());
    await page.locator('body[data-state="empty"]').waitFor();
    expect(await values()).toEqual(['0', '0', '0', '0', '0', '0 visitors', '0 visitors', '0 visitors']);
    expect(await page.locator('#minutes').isVisible()).toBe(true);
  });

  test('shows the figures of before a restart while the job waits for its product list', async () => {
    view = { ...view, job: { ...view.job, status: 'waiting' } };
    await page.locator('body[data-state="starting"]').waitFor();
    expect(await page.locator('#orders').innerText()).toBe(String(view.counts.orders));
  });

  test('ends the reason of a stop with one full stop', async () => {
    for (const problem of ['query.asaql:1:1: a CAST failed', 'The disk is full.']) {
      view = { ...view, job: { ...view.job, status: 'stopped', problem } };
      await expect
        .poll(() => page.locator('#notice').innerText())
        .toContain(`Reason: ${problem.replace(/\.$/, '')}. These figures no longer change.`);
    }
  });

  test('says what to do if the connection to the server does not come back', async () => {
    const advice =
      'This page connects again by itself. If this lasts, check the terminal where npm start is running.';
    const notice = page.locator('#notice');
    await context.route('**/events?*', (route) => route.abort());
    await page.locator('select[name=range]').selectOption('15');
    await expect
      .poll(() => notice.innerText())
      .toContain(`No connection to the dashboard's server. These are the last figures received. ${advice}`);
    await page.reload();
    await expect
      .poll(() => notice.innerText())
      .toContain(`No connection to the dashboard's server. ${advice}`);
  });

  test('explains a session only if there are sessions', async () => {
    const detail = page.locator('#sessions-detail');
    expect(await detail.innerText()).toBe('a session ends after 30\u00a0min of inactivity');
    view = { ...view, counts: { ...view.counts, sessions: 0 } };
    await expect.poll(() => detail.innerText()).toBe('events carry no session id');
    view = emptyView(new Date());
    await expect.poll(() => detail.innerText()).toBe('');
  });

  test('says how many of the events are listed, on the button and on paper', async () => {
    const printed = page.locator('#recent-printed');
    expect(await printed.isVisible()).toBe(false);
    await page.emulateMedia({ media: 'print' });
    const listed = new Set(view.recent.map(({ key }) => key.split('/')[0])).size;
    expect(await printed.innerText()).toBe(`Newest ${listed} of ${view.counts.events} events`);
    const [order] = view.recent;
    if (!order) return;
    // The three items of one order
    const recent = [0, 1, 2].map((item) => ({ ...order, key: `1/${item}` }));
    view = { ...view, counts: { ...view.counts, events: 1 }, recent };
    await expect.poll(() => printed.innerText()).toBe('All 1 event');
  });

  test('names an unusual state of a product, also on a phone', async () => {
    await page.setViewportSize({ width: 320, height: 700 });
    const jacket = page.locator('#products tr').filter({ hasText: 'Denim jacket' });
    await jacket.getByText('¥12,900 · Pre-order').waitFor();
    expect(await page.locator('#products .price').first().innerText()).toBe('¥4,900');
  });

  test('names a filter of the URL, and offers no shop where the filters match nothing', async () => {
    view = { ...emptyView(new Date()), pipeline: view.pipeline };
    await page.goto(`${dashboard.url}/?event=refund&product=9`);
    await page.getByText('No event matches the filters').waitFor();
    expect(await page.getByRole('link', { name: 'Open the shop' }).isVisible()).toBe(false);
    const chosen = () => page.locator('#filters option:checked').allInnerTexts();
    expect(await chosen()).toEqual(['Last hour', 'Refunded (refund)', 'Product 9']);
    view = emptyView(new Date());
    await page.getByRole('link', { name: 'Open the shop' }).waitFor();
  });

  test.each([1360, 800, 390, 320])('fills the rows of the figures at %i px', async (width) => {
    await page.setViewportSize({ width, height: 700 });
    const rights = await page.evaluate<number[]>(`(() => {
      const rightmost = {};
      for (const tile of document.querySelectorAll('.figure')) {
        const { top, right } = tile.getBoundingClientRect();
        rightmost[top] = Math.max(rightmost[top] ?? 0, Math.round(right));
      }
      return Object.values(rightmost);
    })()`);
    expect(new Set(rights).size).toBe(1);
  });

  test('shows an event in three lines on a narrow phone', async () => {
    await page.setViewportSize({ width: 320, height: 700 });
    const lines = await page.evaluate<number>(`(() => {
      const card = document.querySelector('#recent tr:nth-child(3)');
      const { paddingTop, paddingBottom, lineHeight } = getComputedStyle(card);
      const height = card.getBoundingClientRect().height - parseFloat(paddingTop) - parseFloat(paddingBottom);
      return Math.round(height / parseFloat(lineHeight));
    })()`);
    expect(lines).toBe(3);
  });

  test.each([1360, 600, 320])('orders the top products by a shown column at %i px', async (width) => {
    await page.setViewportSize({ width, height: 700 });
    const heading = page.getByRole('columnheader', { name: 'Events' });
    expect(await heading.getAttribute('aria-sort')).toBe('descending');
    expect(await heading.isVisible()).toBe(true);
    const shown = page.locator('#products td:nth-child(4)').filter({ visible: true });
    expect(await shown.allInnerTexts()).toEqual(view.products.map(({ events }) => String(events)));
    expect(await page.locator('#products tr').last().innerText()).toContain('€39.50');
    // The last column ends where the bars of the other tiles end.
    const inset = (selector: string) =>
      page.evaluate<number>(`(() => {
        const element = document.querySelector('${selector}');
        return element.closest('section').getBoundingClientRect().right - element.getBoundingClientRect().right + parseFloat(getComputedStyle(element).paddingRight);
      })()`);
    expect(await inset('#products td:last-child')).toBe(await inset('#funnel .bar'));
  });

  test('shows what each sensor last sent, and which of them are silent', async () => {
    const sensors = page.getByRole('region', { name: 'Store sensors' });
    const shown = () => sensors.getByRole('listitem').allInnerTexts();
    // However slow this machine is, two of them are not silent.
    const sensorsShown = view.sensors.map((one, i) => (i < 2 ? { ...one, interval: 3_600 } : one));
    view = { ...view, sensors: sensorsShown };
    await expect.poll(async () => (await shown())[0]).toMatch(/Last seen /);
    const [ginza = '', osaka = '', sapporo = ''] = await shown();
    expect(ginza).toMatch(/^Ginza\s+19\.1\u00a0°C\s+Door closed\s+Last seen \d\d:\d\d:\d\d$/);
    expect(osaka).toMatch(/^Osaka\s+22\.4\u00a0°C\s+Door open\s+Last seen /);
    expect(sapporo).toMatch(/^Sapporo\s+16\.6\u00a0°C\s+Door closed\s+Silent for 12\u00a0min, since /);
    const [first] = view.sensors;
    if (!first) return;
    view = { ...view, sensors: [{ ...first, store: null, temperature: null, door: null, interval: 86_400 }] };
    await expect.poll(shown).toEqual([expect.stringMatching(/^sensor-ginza\s+–\s+No door\s+Last seen /)]);
    view = { ...view, sensors: [] };
    await sensors.getByText('No sensor has sent anything in the last 24 hours.').waitFor();
    expect(await sensors.locator('code').allInnerTexts()).toEqual([
      'Ctrl+C',
      'npm start',
      'npm start -- --sensors',
    ]);
    expect(await shown()).toEqual([]);
  });

  test('gives each refund beside its currency, and dropped events with their reasons', async () => {
    const revenue = { revenue: 100, refunded: 0, orders: 1, items: 1 };
    const dropped = [
      { reason: 'malformed', events: 2 },
      { reason: 'too late', events: 1 },
    ];
    view = {
      ...view,
      revenue: [
        { ...revenue, currency: 'JPY', refunded: 4_900 },
        { ...revenue, currency: 'EUR', refunded: 5 },
        { ...revenue, currency: 'USD' },
      ],
      pipeline: { ...view.pipeline, dropped },
    };
    await expect
      .poll(() => page.locator('#revenue-detail').innerText())
      .toBe('after refunds of\u00a0¥4,900\nplus\u00a0€100.00 after refunds of\u00a0€5.00\nplus\u00a0$100.00');
    expect(await page.locator('#pipeline').innerText()).toContain(
      '2 malformed events and 1 event too late dropped',
    );
    expect(await page.locator('#zone').innerText()).toMatch(/^Times are shown in \S+\.$/);
  });

  test('offers to clear the filters only while there are some, and keeps the focus in them', async () => {
    const clear = page.getByRole('button', { name: 'Clear filters' });
    expect(await clear.isDisabled()).toBe(true);
    await page.locator('select[name=range]').selectOption('15');
    await clear.focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => clear.isDisabled()).toBe(true);
    expect(await page.locator('select[name=range]').and(page.locator(':focus')).count()).toBe(1);
  });

  test('merges bars that have no room, and counts the same events in them', async () => {
    const label = () => page.locator('#minutes').getAttribute('aria-label');
    const counted = async (): Promise<string | undefined> => /[\d,]+ events/.exec((await label()) ?? '')?.[0];
    await expect.poll(label).toContain('in 60 bars');
    expect(await page.locator('#minutes-heading').innerText()).toBe('Events per minute');
    const before = await counted();
    await page.setViewportSize({ width: 320, height: 700 });
    await expect.poll(label).toMatch(/in 3[01] bars/);
    expect(await page.locator('#minutes-heading').innerText()).toBe('Events per 2 minutes');
    expect(await counted()).toBe(before);
  });

  test('has a picture for a product that the shop does not sell', async () => {
    const [top, ...rest] = view.products;
    if (top) view = { ...view, products: [{ ...top, productId: 9_999, name: null, code: null }, ...rest] };
    await page.getByText('Product 9999').waitFor();
    await expect
      .poll(() => page.evaluate(`document.querySelector('#products img').naturalWidth > 0`))
      .toBe(true);
  });
});
