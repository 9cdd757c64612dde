/** Takes the screenshots of the dashboard, in each of its states, from sample views. */

import type { Browser, Page } from 'playwright-core';
import { emptyView, sampleView } from './dashboard/sampleView';
import { startDashboardServer } from './dashboard/server';
import type { View } from './dashboard/view';
import { DEFAULT_PORTS } from './defaultPorts';

const DESKTOP = { width: 1360, height: 900 };
/** Width of the narrowest phones, in px. */
const PHONE = { width: 320, height: 720 };
/** An A4 page, and the margins of the style sheet (12 mm), in px. */
const PAPER = { width: 794, height: 1_123 };
const PAPER_MARGIN_PX = 45;
/**
 * What can stop the job with the deployed query, in DuckDB's words. The query converts with TRY_CAST only, so that no event
 * stops it.
 */
const DISK_FULL =
  'TransactionContext Error: Failed to commit: Could not write file "/tmp/hubfront-analytics-k3TqVd/results.duckdb.wal": No space left on device';
/** The time of all pictures, so that they show the same figures. */
const NOW = new Date('2026-11-24T10:42:25Z');
/** Never resolves, so that the page keeps its view. */
const NEVER = new Promise<View>(() => undefined);

/** @param take saves a picture of the page under a name */
export async function takeDashboard(
  browser: Browser,
  take: (page: Page, name: string) => Promise<void>,
): Promise<void> {
  let view = (): Promise<View> => Promise.resolve(sampleView(NOW));
  const server = await startDashboardServer({
    port: 0,
    shopUrl: `http://localhost:${DEFAULT_PORTS.shop}`,
    view: () => view(),
  });
  const page = await browser.newPage({ viewport: DESKTOP, reducedMotion: 'reduce' });
  await page.clock.install({ time: NOW });
  const open = async (state: string): Promise<void> => {
    await page.goto(server.url);
    await page.locator(`body[data-state="${state}"]`).waitFor();
    await page.evaluate(
      'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
    );
  };
  try {
    await open('live');
    await take(page, 'dashboard-light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await open('live');
    await take(page, 'dashboard-dark');
    await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' });
    await open('live');
    await take(page, 'dashboard-forced-colors');
    await page.emulateMedia({ forcedColors: 'none', media: 'print' });
    await page.setViewportSize(PAPER);
    await open('live');
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    // Pictures of a page do not include the margins of the paper.
    await page.evaluate(`document.body.style.padding = '${PAPER_MARGIN_PX}px'`);
    await take(page, 'dashboard-print');
    await page.emulateMedia({ media: 'screen' });
    await page.setViewportSize(PHONE);
    await open('live');
    await take(page, 'dashboard-phone');
    await page.setViewportSize(DESKTOP);

    view = () => Promise.resolve(emptyView(NOW, 'waiting'));
    await open('starting');
    await take(page, 'dashboard-starting');
    view = () => Promise.resolve(emptyView(NOW));
    await open('empty');
    await take(page, 'dashboard-empty');
    view = () => {
      const sample = sampleView(NOW);
      const problem = DISK_FULL;
      return Promise.resolve({ ...sample, job: { ...sample.job, status: 'stopped', problem } });
    };
    await open('stopped');
    await take(page, 'dashboard-stopped');
    view = () => Promise.resolve(sampleView(NOW));
    await open('live');
    view = () => NEVER;
    await page.locator('body[data-state="stale"]').waitFor();
    await take(page, 'dashboard-stale');
  } finally {
    await server.close();
  }
  await page
    .getByRole('status')
    .getByText(/Reconnecting in/)
    .waitFor();
  await take(page, 'dashboard-reconnecting');
  await page.close();
}
