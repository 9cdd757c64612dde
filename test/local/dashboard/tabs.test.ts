// @module-tag full

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDashboardServer } from '../../../local/dashboard/server';
import { sampleView } from '../../../local/dashboard/sampleView';
import type { WebServer } from '../../../local/webServer';
import { type TestBrowser, browserProgram, launchBrowser } from '../../clients/browser';

const SLOW = { timeout: 50_000, interval: 50 };
/** Browsers open six HTTP/1.1 connections to an origin. */
const TABS = 7;

describe.skipIf(!browserProgram)('the dashboard in many tabs', () => {
  let dashboard: WebServer;
  let browser: TestBrowser;
  let events = 0;
  beforeAll(async () => {
    dashboard = await startDashboardServer({
      port: 0,
      shopUrl: '',
      view: () => {
        const view = sampleView(new Date());
        return Promise.resolve({ ...view, counts: { ...view.counts, events } });
      },
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await dashboard.close();
  });

  test('loads in the seventh tab, and each tab shows what is new', async () => {
    const context = await browser.newContext();
    const pages: Page[] = [];
    for (let tab = 0; tab < TABS; tab += 1) {
      const page = await context.newPage();
      await page.goto(dashboard.url);
      pages.push(page);
    }
    for (events of [7, 8])
      for (const page of pages)
        await expect.poll(() => page.locator('#events').textContent(), SLOW).toBe(String(events));
    await context.close();
  });
});
