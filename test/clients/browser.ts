import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';
import { IS_FULL } from '../testSize';
import { findProgram } from './programs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * `npm test` prefers Chromium without windows and menus: it needs a quarter of the CPU time per page. The full tests
 * prefer the whole Chromium, which users have.
 */
const PROGRAMS = IS_FULL
  ? (['chromium', 'chromium-headless-shell'] as const)
  : (['chromium-headless-shell', 'chromium'] as const);
export const browserProgram = findProgram(PROGRAMS, PROGRAMS[0]);

/** Starts a browser with a new, empty profile. */
export function launchBrowser(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: browserProgram ?? '', args: [...FLAGS, ...flags] });
}

/**
 * For `addInitScript`: the web client sends a batch after 100 ms instead of 2 s. A retry that this timer would begin too
 * early waits for the rest of its pause.
 */
export const SHORT_BATCH_TIME = `{
  const { setTimeout: original } = window;
  window.setTimeout = (work, ms, ...all) => original(work, ms > 1_900 && ms <= 2_000 ? 100 : ms, ...all);
}`;

/** A request of a page as the network sees it, preflights and beacons among them. */
export interface Seen {
  kind: 'preflight' | 'post' | 'beacon';
  contentType: string;
}

/** Watches what a page sends to the functions; what Playwright calls a request leaves preflights out. */
export async function watchMessages(context: BrowserContext, page: Page): Promise<Seen[]> {
  const seen: Seen[] = [];
  const session = await context.newCDPSession(page);
  session.on('Network.requestWillBeSent', ({ request, type = '' }) => {
    if (!request.url.endsWith('/api/messages')) return;
    const kind = request.method === 'OPTIONS' ? 'preflight' : type === 'Ping' ? 'beacon' : 'post';
    seen.push({ kind, contentType: request.headers['Content-Type'] ?? '' });
  });
  await session.send('Network.enable');
  return seen;
}

/** Serves the built client and pages around it, on an origin of its own. */
export interface Site {
  origin: string;
  /** The page at `/`, HTML. */
  page: string;
  /** Registers a visitor; what `POST /visitors` of a page's own server does, which responds with the result. */
  register: (visitor: { deviceId: string; deviceKey: string }) => Promise<unknown>;
  close: () => Promise<void>;
}

export async function startSite(): Promise<Site> {
  const dist = join('clients', 'web', 'dist');
  const server = createServer((request, response) => {
    if (request.url === '/visitors') {
      void json(request)
        .then((visitor) => site.register(visitor as { deviceId: string; deviceKey: string }))
        .then((device) => response.end(JSON.stringify(device ?? null)))
        .catch(() => response.writeHead(502).end());
      return;
    }
    const file = /^\/((?:hubfront|tracking|tag)\.m?js)$/.exec(
      new URL(request.url ?? '', 'http://site').pathname,
    )?.[1];
    const type = file ? 'text/javascript' : 'text/html';
    const content = file ? readFile(join(dist, file)) : Promise.resolve(site.page);
    void content.then((bytes) => response.writeHead(200, { 'Content-Type': type }).end(bytes));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const site: Site = {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    page: '<!doctype html><link rel="icon" href="data:,">',
    register: () => Promise.resolve(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return site;
}
