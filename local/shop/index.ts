/** The server of the demo shop. */

import type { Running } from '../lifecycle';
import { createWebApp, startWebServer } from '../webServer';
import { createCatalogue } from './catalogue';
import { createLiveFeed } from './liveFeed';
import { loadPage } from './page';
import { createVisitorRoutes } from './visitors';

export interface ShopOptions {
  /** 0: any free one */
  port: number;
  /** Both keys stay on this server; pages do not get them. */
  keys: {
    /** function key of `registerDevice` */
    registration: string;
    /** function key of `messageFeed` */
    feed: string;
  };
}

export interface Shop extends Running {
  /** `http://localhost:<port>` */
  origin: string;
  /** origins of the same pages, one for each name of the loopback interface */
  origins: readonly string[];
  /** Sets the URL of the functions: `http://localhost:7071`. */
  setApi: (url: string) => void;
  /** Sets the URLs of the product database and of the dashboard. */
  setAnalytics: (analytics: { databaseUrl: string; dashboardUrl: string }) => void;
}

/** Paths that the script of the page renders. */
const PAGES = ['/', '/cart', '/products/:name{[\\w-]+}'];

/**
 * Serves the demo shop on a separate origin, so that requests of its pages to the functions are cross-origin.
 *
 * @throws Node's listen error if the port is in use
 */
export async function startShop({ port, keys }: ShopOptions): Promise<Shop> {
  const page = await loadPage();
  const catalogue = createCatalogue();
  let api = '';
  let dashboard = '';
  const liveFeed = createLiveFeed(() => `${api}/api/message_feed`, keys.feed);

  const app = createWebApp({
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'", () => api],
    imgSrc: ['data:'],
  });
  app.route('/', createVisitorRoutes({ url: () => `${api}/api/devices`, functionKey: keys.registration }));
  app.get('/live', liveFeed.open);
  app.get('/offers', async (context) => context.json(await catalogue.read()));
  for (const path of PAGES)
    app.get(path, async (context) =>
      context.html(page.html({ endpoint: `${api}/api`, dashboard, offers: await catalogue.read() })),
    );
  for (const [path, { type, content }] of Object.entries(page.files))
    app.get(path, (context) => context.body(content, 200, { 'Content-Type': `${type}; charset=utf-8` }));

  const server = await startWebServer(app, port);
  return {
    origin: server.url,
    origins: [server.url, `http://127.0.0.1:${server.port}`],
    setApi: (url) => {
      api = url;
    },
    setAnalytics: ({ databaseUrl, dashboardUrl }) => {
      catalogue.setDatabase(databaseUrl);
      dashboard = dashboardUrl;
    },
    close: () => {
      liveFeed.close();
      return server.close();
    },
  };
}
