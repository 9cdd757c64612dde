import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type Stack, startStack } from '../../stack';
import { INSECURE_HOST, type Site, type TestBrowser, launchBrowser, startSite } from '../browser';
import { type Proxy, startProxy } from './proxy';

export const DEVICE = { deviceId: 'web-1', deviceKey: Buffer.alloc(32, 1).toString('base64') };
/** For `expect.poll`: a busy machine takes longer, and no test depends on how long. */
export const SLOW = { timeout: 50_000, interval: 50 };

/** What a page's listeners were called with, in order. */
export interface Report {
  name: 'sending' | 'sent' | 'rejected' | 'retry';
  messageId: string;
  deviceMessage: unknown;
  code: string;
  status: number;
  cause: string;
  retryIn: number;
  beacon: boolean;
}

export interface FeedMessage {
  messageId: string;
  deviceId: string;
  createdAt?: string;
  properties: object;
  body: { Data: any };
}

/** The app and the hub, a proxy in front of the app that can spoil responses, a site, and Chromium. */
export interface Fixture {
  stack: Stack;
  proxy: Proxy;
  site: Site;
  browser: TestBrowser;
  /** Opens a page of the site; its errors are thrown. */
  openPage: (context: BrowserContext, before?: string) => Promise<Page>;
  /** Opens a page with a client as `hub`; what it reports is kept in `reports`. */
  openClient: (context: BrowserContext, options?: object, before?: string) => Promise<Page>;
  /**
   * Opens a page with a frame for each case, and a client of its own queue in each. Then runs `script` in all of them, as
   * a function of `{ hub, reports, window, n }`.
   *
   * @returns what `script` returned, by the case's name
   */
  runCases: <T>(cases: readonly Case[], script: string) => Promise<Record<string, T>>;
  /** Messages that the hub has accepted since the last `reset`. */
  arrived: () => Promise<FeedMessage[]>;
  /** Removes faults and devices but the one of the tests. */
  reset: () => Promise<void>;
  close: () => Promise<void>;
}

/** In a page: makes a client and keeps what it reports. */
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script>
  window.before = (0, eval)(parent.cases?.[location.hash.slice(1)]?.before ?? '');
</script><script type="module">
  import { createHubfront } from '/hubfront.mjs';
  window.createClient = (options) => {
    const hub = createHubfront(options);
    const reports = [];
    for (const name of ['sending', 'sent', 'rejected', 'retry'])
      hub.on(name, (report) => reports.push({ name, ...report }));
    return { hub, reports };
  };
</script>`;

/** A client in a frame of its own, with what happens in the frame before it is made. */
export interface Case {
  name: string;
  /** A script; if its value is a promise, it is awaited. */
  before: string;
  options?: object;
}

export async function startFixture(): Promise<Fixture> {
  const site = await startSite();
  site.page = PAGE;
  const stack = await startStack({
    settings: { CORS_ALLOWED_ORIGINS: `${site.origin},${insecureOrigin(site)}` },
  });
  const proxy = await startProxy(() => stack.host.url);
  const browser = await launchBrowser();
  let cursor = '0';

  const openPage: Fixture['openPage'] = async (context, before = '') => {
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    if (before !== '') await page.addInitScript(before);
    await page.goto(site.origin);
    return page;
  };

  return {
    stack,
    proxy,
    site,
    browser,
    openPage,
    openClient: async (context, options = {}, before) => {
      const page = await openPage(context, before);
      const all = { endpoint: `${proxy.url}/api`, batchTime: 50, ...options };
      const withDevice = 'register' in all ? all : { ...DEVICE, ...all };
      await page.evaluate(`Object.assign(window, createClient(${JSON.stringify(withDevice)}))`);
      return page;
    },
    runCases: async (cases, script) => {
      const context = await browser.newContext();
      const page = await openPage(context);
      const all = cases.map(({ name, before, options }, at) => ({
        name,
        before: before.replaceAll('DATABASE', JSON.stringify(databaseName(`${proxy.url}/case${at}/api`))),
        options: { endpoint: `${proxy.url}/case${at}/api`, ...DEVICE, batchTime: 600_000, ...options },
      }));
      const returned = await page.evaluate<any>(`(async () => {
        window.cases = ${JSON.stringify(all)};
        const run = ${script};
        return Object.fromEntries(await Promise.all(cases.map(async ({ name, options }, n) => {
          const frame = document.createElement('iframe');
          frame.src = '/#' + n;
          document.body.append(frame);
          await new Promise((resolve) => { frame.onload = resolve });
          await frame.contentWindow.before;
          const client = frame.contentWindow.createClient(options);
          return [name, await run({ ...client, window: frame.contentWindow, n })];
        })));
      })()`);
      await context.close();
      return returned;
    },
    arrived: async () => {
      const { json } = await stack.feed({ after_offset: cursor, limit: 10_000 });
      const messages = json.messages as FeedMessage[];
      let { has_more: hasMore, next_offset: next } = json as { has_more: boolean; next_offset: string };
      while (hasMore) {
        const { json: more } = await stack.feed({ after_offset: next, limit: 10_000 });
        messages.push(...(more.messages as FeedMessage[]));
        ({ has_more: hasMore, next_offset: next } = more as { has_more: boolean; next_offset: string });
      }
      return messages;
    },
    reset: async () => {
      stack.emulator.admin.reset();
      proxy.reset();
      await stack.register(DEVICE.deviceId, DEVICE.deviceKey);
      cursor = (await stack.feed({ limit: 10_000 })).json.next_offset as string;
    },
    close: async () => {
      await browser.close();
      await Promise.all([site.close(), proxy.close()]);
      await stack.close();
    },
  };
}

/**
 * A fixture for the tests of a `describe`, reset before each of them, and a browser context of its own for each. Both are
 * there once a test runs.
 */
export function useFixture(): Readonly<Fixture> & { readonly context: BrowserContext } {
  const shared = {} as Fixture & { context: BrowserContext };
  beforeAll(async () => {
    Object.assign(shared, await startFixture());
  });
  afterAll(() => shared.close());
  beforeEach(async () => {
    await shared.reset();
    shared.context = await shared.browser.newContext();
  });
  afterEach(() => shared.context.close());
  return shared;
}

/** The site on an origin that browsers do not trust. */
export function insecureOrigin({ origin }: Site): string {
  return origin.replace('localhost', INSECURE_HOST);
}

/** The name of a client's IndexedDB database. */
export function databaseName(endpoint: string): string {
  return `hubfront ${endpoint} ${DEVICE.deviceId}`;
}

export function reportsOf(page: Page): Promise<Report[]> {
  return page.evaluate<Report[]>('reports');
}
