/** The command that takes the screenshots of the demo shop and the dashboard. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Page, chromium } from 'playwright-core';
import { POLICIES, startEmulator } from '../emulator/index';
import { buildApp } from './build';
import { takeDashboard } from './dashboardScreenshots';
import { DEFAULT_PORTS } from './defaultPorts';
import { LOCAL_FUNCTION_KEYS, LOCAL_SHOP_KEYS } from './functionKeys';
import { startFunctionsHost } from './functionsHost';
import { type Running, closeAll } from './lifecycle';
import { startShop } from './shop';

const FOLDER = 'docs';
/** As `npm start` prints it. */
const DASHBOARD_URL = `http://localhost:${DEFAULT_PORTS.dashboard}`;
const DESKTOP = { width: 1360, height: 850 };
const PHONE = { width: 390, height: 844 };

/**
 * `npm run screenshots`: starts a stack, visits the demo shop, and saves pictures of it and of the dashboard for the docs.
 *
 * `CHROMIUM` is the path of the browser; default `/usr/bin/chromium`.
 */
export async function main(): Promise<void> {
  const running: Running[] = [];
  const keep = <T extends Running>(part: T): T => {
    running.push(part);
    return part;
  };
  try {
    await buildApp();
    const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    keep({ close: () => rm(caFolder, { recursive: true, force: true }) });
    const emulator = keep(await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 4, caFolder }));
    const shop = keep(await startShop({ port: 0, keys: LOCAL_SHOP_KEYS }));
    const host = keep(
      await startFunctionsHost({
        appFolder: process.cwd(),
        port: 0,
        functionKeys: LOCAL_FUNCTION_KEYS,
        log: () => undefined,
        settings: () => ({
          IOTHUB_HOSTNAME: emulator.hostName,
          IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
          IOTHUB_EVENTHUB_CONNECTION: emulator.connectionStrings.eventHub('service'),
          IOTHUB_ENDPOINT: emulator.endpoint,
          IOTHUB_CA_FILE: emulator.caFile,
          CORS_ALLOWED_ORIGINS: shop.origin,
        }),
      }),
    );
    shop.setApi(host.url);
    // Only the link is shown. Without a database, the prices are those of the demo.
    shop.setAnalytics({ databaseUrl: 'postgres://127.0.0.1:1/none', dashboardUrl: DASHBOARD_URL });
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    });
    keep({ close: () => browser.close() });
    await mkdir(FOLDER, { recursive: true });
    await takeAll(await browser.newPage({ viewport: DESKTOP, reducedMotion: 'reduce' }), shop.origin);
    await takeDashboard(browser, save);
  } finally {
    await closeAll(running);
  }
}

async function save(page: Page, name: string, fullPage = true): Promise<void> {
  const path = join(FOLDER, `${name}.png`);
  await page.screenshot({ path, fullPage });
  console.log(path);
}

async function takeAll(page: Page, origin: string): Promise<void> {
  const take = (name: string, fullPage = false): Promise<void> => save(page, name, fullPage);
  await page.goto(origin);
  for (const name of ['Spangle bag', 'Denim jacket']) {
    await page.getByRole('link', { name: new RegExp(name) }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.getByRole('link', { name: 'Products' }).first().click();
  }
  await page.locator('#events .in-the-feed').nth(3).waitFor();
  await page.getByRole('heading', { level: 1 }).hover();
  await take('shop-light');

  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('link', { name: /Straw hat/ }).click();
  await page.locator('#events .in-the-feed').nth(4).waitFor({ state: 'attached' });
  await page.getByLabel('Simulate offline').check();
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.locator('#events .waiting').first().waitFor();
  await take('shop-dark');

  await page.emulateMedia({ colorScheme: 'dark', forcedColors: 'active' });
  await take('shop-forced-colors');

  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'none' });
  await page.setViewportSize(PHONE);
  await page.getByLabel('Simulate offline').uncheck();
  await page.goto(`${origin}/cart`);
  await page.locator('#feed li').nth(5).waitFor({ state: 'attached' });
  await take('shop-phone', true);
}
