import { Client } from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestBrowser, browserProgram, launchBrowser } from '../../clients/browser';
import { ANY_PORT, type LaunchedCommand, launch } from '../startedStack';

let started: LaunchedCommand;
let browser: TestBrowser;
let shop: Page;
let dashboard: Page;

const printed: LaunchedCommand['printed'] = (pattern) => started.printed(pattern);

beforeAll(async () => {
  if (!browserProgram) return;
  started = launch('start', ['--sensors', ...ANY_PORT]);
  browser = await launchBrowser();
  shop = await browser.newPage();
  dashboard = await browser.newPage();
  await dashboard.goto(await printed(/^dashboard +(\S+)/m));
  await dashboard.getByRole('status').getByText('Live').waitFor({ timeout: 50_000 });
});
afterAll(async () => {
  await (browser as TestBrowser | undefined)?.close();
  if (!browserProgram) return;
  started.process.kill('SIGINT');
  expect(await started.exit, started.err()).toBe(0);
});

const latestRows = () => dashboard.locator('#recent tr').allInnerTexts();

/** What the link `Export CSV` returns. */
async function exported(): Promise<string> {
  const link = await dashboard.getByRole('link', { name: 'Export CSV' }).getAttribute('href');
  return (await fetch(new URL(link ?? '', dashboard.url()))).text();
}

/** How often a product was looked at, in all tries of all tests: each is an event. */
let browsed = 0;

async function browse(name: string): Promise<void> {
  browsed += 1;
  await shop.goto(await printed(/^demo shop +(\S+)/m));
  await shop.getByRole('link', { name: 'Products' }).first().click();
  await shop
    .getByRole('link', { name: new RegExp(name) })
    .first()
    .click();
  await shop.getByRole('heading', { name, level: 1 }).waitFor();
}

describe.skipIf(!browserProgram)('a click in the shop', () => {
  test('is one row on the dashboard, with its product, SKU and price', async () => {
    await browse('Spangle bag');
    await expect.poll(latestRows, { interval: 50 }).toHaveLength(browsed);
    const [row] = await latestRows();
    expect(row).toMatch(/Viewed a product.*Spangle bag.*Black.*¥4,900/s);
    await expect.poll(() => dashboard.locator('#events').innerText()).toBe(String(browsed));
    expect(await dashboard.locator('#funnel li').first().innerText()).toMatch(/1 visitor, 100%/);
    expect(await dashboard.locator('#products tr').first().innerText()).toMatch(
      new RegExp(`Spangle bag\\s+SPG-0162 · Available\\s+¥4,900\\s+1\\s+${browsed}\\s+0`),
    );
    const [header = '', first = ''] = (await exported()).split('\r\n');
    expect(first.split(',')[header.split(',').indexOf('sku_id')]).toBe('16201');
  });

  test(
    'counts alone, while the sensors of the stores have a panel of their own',
    { tags: 'full' },
    async () => {
      await printed(/^sensors +(sensor-ginza, sensor-osaka, sensor-sapporo)/m);
      const sensors = dashboard.getByRole('region', { name: 'Store sensors' }).getByRole('listitem');
      await expect.poll(() => sensors.count()).toBe(3);
      expect(await sensors.first().innerText()).toMatch(
        /^Ginza\s+\d+\.\d\u00a0°C\s+Door (?:open|closed)\s+(?:Last seen|Silent for) /,
      );
      await expect.poll(() => dashboard.locator('#events').innerText()).toBe(String(browsed));
      expect(await dashboard.locator('#visitors').innerText()).toBe('1');
      const report = await browser.newPage();
      await report.goto(`${await printed(/^dashboard +(\S+)/m)}/report/`);
      expect(await report.getByRole('region', { name: 'Latest readings' }).innerText()).toContain('Sapporo');
      await report.close();
    },
  );

  test('shows the new price in the shop once it has changed in the database', { tags: 'full' }, async () => {
    const database = new Client({ connectionString: await printed(/^products +(\S+)/m) });
    await database.connect();
    await database.query('UPDATE products SET price = 3000 WHERE product_id = 162');
    await database.end();
    await expect
      .poll(async () => {
        await shop.goto(await printed(/^demo shop +(\S+)/m));
        return shop.getByRole('link', { name: /Spangle bag/ }).innerText();
      })
      .toContain('¥3,000');
  });

  // A snapshot is valid from the minute in its path on, and this minute has one. `snapshots.test.ts` does not wait.
  test(
    'carries the price of the snapshot that is valid, and earlier rows keep theirs',
    { tags: 'full', timeout: 300_000 },
    async () => {
      const functions = await printed(/^ready (\S+)/m);
      await fetch(`${functions}/admin/functions/snapshotProducts`, {
        method: 'POST',
        headers: { 'x-functions-key': 'hubfront-local', 'content-type': 'application/json' },
        body: '{}',
      });
      await expect
        .poll(
          () => [...started.out().matchAll(/analytics uses the reference data (\S+products\.json)/g)].length,
          { timeout: 150_000, interval: 200 },
        )
        .toBe(2);
      const withPrice = async (price: string) => (await latestRows()).filter((row) => row.includes(price));
      const before = await withPrice('¥4,900');
      await browse('Spangle bag');
      await expect.poll(latestRows).toHaveLength(browsed);
      expect(await withPrice('¥4,900')).toEqual(before);
      expect(await withPrice('¥3,000')).toHaveLength(browsed - before.length);
    },
  );

  test('is found again through the filters, in the export and in the report', async () => {
    const filter = dashboard.locator('select[name=event]');
    await filter.selectOption('browse_product');
    await expect.poll(latestRows).toHaveLength(browsed);
    expect(new URL(dashboard.url()).search).toBe('?event=browse_product');
    await dashboard.goto(`${await printed(/^dashboard +(\S+)/m)}/?event=purchase`);
    await dashboard.getByText('No event matches the filters', { exact: true }).waitFor();
    expect((await exported()).trimEnd().split('\r\n')).toHaveLength(1);
    await dashboard.getByRole('button', { name: 'Clear filters' }).click();
    await expect.poll(latestRows).toHaveLength(browsed);
    const report = await browser.newPage();
    await report.goto(`${await printed(/^dashboard +(\S+)/m)}/report/`);
    expect(await report.getByRole('region', { name: 'Visitors', exact: true }).first().innerText()).toContain(
      '1',
    );
    expect(await report.locator('.visual').count()).toBeGreaterThan(10);
    await report.close();
  });

  test('works on a phone, in the dark, and by keyboard', { tags: 'full' }, async () => {
    await dashboard.setViewportSize({ width: 360, height: 700 });
    await dashboard.emulateMedia({ colorScheme: 'dark' });
    await expect
      .poll(() => dashboard.evaluate('document.documentElement.scrollWidth - window.innerWidth'))
      .toBe(0);
    const ground = String(await dashboard.evaluate('getComputedStyle(document.body).backgroundColor'));
    expect(ground).toBe('rgb(20, 22, 26)');
    const pause = dashboard.getByRole('button', { name: 'Pause' });
    await pause.focus();
    await dashboard.keyboard.press('Enter');
    expect(await dashboard.getByRole('button', { name: 'Continue' }).getAttribute('aria-pressed')).toBe(
      'true',
    );
  });
});
