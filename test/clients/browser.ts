import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';
import { IS_FULL } from '../testSize';
import { findProgram } from './programs';

/** A host name that leads to this machine and is no secure origin: there, browsers lack Web Locks and crypto.randomUUID. */
export const INSECURE_HOST = 'insecure.example';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`,
];

/**
 * `npm test` prefers Chromium without windows and menus: it needs a quarter of the CPU time per page. The full tests
 * prefer the whole Chromium, which users have.
 */
const PROGRAMS = IS_FULL
  ? (['chromium', 'chromium-headless-shell'] as const)
  : (['chromium-headless-shell', 'chromium'] as const);
export const browserProgram = findProgram(PROGRAMS, PROGRAMS[0]);

/** What a test file does with the browser of its worker: each context has a profile of its own. */
export type TestBrowser = Pick<Browser, 'newContext' | 'newPage' | 'close'>;

/** Serves all files of a worker, and ends with its process. A start takes as much CPU time as many tests. */
let running: Promise<Browser> | undefined;

function launch(): Promise<Browser> {
  // Vitest ends a worker by SIGTERM. On `exit`, Playwright ends the browser at once, and deletes its profile.
  process.once('SIGTERM', () => {
    process.emit('exit', 0);
    process.kill(process.pid, 'SIGKILL');
  });
  return chromium.launch({ executablePath: browserProgram ?? '', args: FLAGS, handleSIGTERM: false });
}

async function runningBrowser(): Promise<Browser> {
  if (running && !(await running).isConnected()) running = undefined;
  running ??= launch();
  try {
    return await running;
  } catch (error) {
    // The next file tries again.
    running = undefined;
    throw error;
  }
}

/** Opens the browser. `close` closes all contexts that were opened with it. */
export async function launchBrowser(): Promise<TestBrowser> {
  const browser = await runningBrowser();
  const contexts: BrowserContext[] = [];
  return {
    newContext: async (options) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      return context;
    },
    newPage: async (options) => {
      const page = await browser.newPage(options);
      contexts.push(page.context());
      return page;
    },
    close: async () => {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
    },
  };
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
