/** The dashboard's page in Chromium, with sample figures that a test can replace. */

import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { sampleView } from '../../../local/dashboard/sampleView';
import { startDashboardServer } from '../../../local/dashboard/server';
import type { View } from '../../../local/dashboard/view';
import type { WebServer } from '../../../local/webServer';
import { type TestBrowser, launchBrowser } from '../../clients/browser';

export interface SamplePage {
  /** what the server sends next */
  view: View;
  page: Page;
  context: BrowserContext;
  url: string;
}

/** For a `describe` block: each of its tests gets a new page, which shows the sample view. */
export function useSamplePage(): SamplePage {
  const sample = {} as SamplePage;
  let dashboard: WebServer;
  let browser: TestBrowser;
  beforeAll(async () => {
    dashboard = await startDashboardServer({
      port: 0,
      shopUrl: 'http://localhost:1',
      view: () => Promise.resolve({ ...sample.view, now: new Date().toISOString() }),
    });
    sample.url = dashboard.url;
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await dashboard.close();
  });
  beforeEach(async () => {
    sample.view = sampleView(new Date());
    const viewport = { width: 1360, height: 900 };
    sample.context = await browser.newContext({ viewport, reducedMotion: 'reduce' });
    sample.page = await sample.context.newPage();
    await sample.page.goto(sample.url);
    await sample.page.locator('body[data-state="live"]').waitFor();
  });
  afterEach(() => sample.context.close());
  return sample;
}
