/** A view of an ordinary hour in the demo shop, for screenshots and tests. */

import shopProducts from '../shop/products.json';
import type { View } from './view';

/** One product has a price in another currency, as in a shop that sells to several countries. */
const EURO_PRODUCT = { slug: 'canvas-sneakers', price: 39.5, currency: 'EUR' };
const PRODUCTS = shopProducts.map((product) =>
  product.slug === EURO_PRODUCT.slug ? { ...product, ...EURO_PRODUCT } : product,
);

const MINUTE_MS = 60_000;
/** Events of each minute, repeated. */
const EVENTS = [3, 5, 4, 8, 6, 9, 12, 10, 7, 11, 14, 9, 13, 16, 12, 18, 15, 11, 17, 20];
const KINDS = ['browse_product', 'browse_product', 'add_to_cart', 'browse_product', 'purchase'] as const;

/** Device ids, as the web client makes them. */
const VISITORS = [
  '0e71-7000-850d-cd3cd6bb8ad8',
  '57c2-7001-92f4-0b6a41d7e35c',
  '91aa-7000-b3c8-6f2e90d414b7',
].map((end, i) => `web-01a216b${i + 4}-${end}`);

const RECENT_ROWS = 20;
/** 17 events a minute, as in the last full minute of the chart. */
const EVENT_INTERVAL_MINUTES = 3.5 / 60;
/** Pieces sold of each product. */
const SOLD = [12, 10, 8, 6, 5, 4, 2, 6];
/** The most popular products, and the one in euros. */
const TOP_PRODUCTS = [
  ...PRODUCTS.slice(0, SOLD.length - 1),
  ...PRODUCTS.filter(({ slug }) => slug === EURO_PRODUCT.slug),
];
/** in JPY: a bag */
const REFUNDED = 4_900;
const ORDERS = { JPY: 33, EUR: 4 };
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** @param now time of the newest event */
export function sampleView(now: Date): View {
  const at = (minutesAgo: number): string => new Date(now.getTime() - minutesAgo * MINUTE_MS).toISOString();
  const minuteAt = (minutesAgo: number): string => at(minutesAgo).replace(/:\d\d\.\d+Z/, ':00Z');
  const recent = Array.from({ length: RECENT_ROWS }, (_, i) =>
    sampleEvent(i, at(i * EVENT_INTERVAL_MINUTES)),
  );
  const buckets = Array.from({ length: 60 }, (_, i) => ({
    start: minuteAt(59 - i),
    events: EVENTS[i % EVENTS.length] ?? 0,
  }));
  // The present minute is not over, and the recent events are all of its events.
  const present = buckets.at(-1);
  if (present) present.events = recent.filter(({ time }) => time >= at(0).slice(0, 16)).length;
  const events = sum(buckets.map((bucket) => bucket.events));
  const products = TOP_PRODUCTS.map((product, i) => ({
    productId: product.product_id,
    name: product.product_name,
    code: product.product_code,
    price: product.price,
    currency: product.currency,
    state: product.product_state,
    visitors: 90 - 7 * i,
    events: 104 - 8 * i,
    sold: SOLD[i] ?? 0,
  }));
  const soldIn = (wanted: string) => products.filter(({ currency }) => currency === wanted);
  const revenueIn = (currency: keyof typeof ORDERS, refunded: number) => ({
    ...{ currency, refunded, orders: ORDERS[currency] },
    revenue: sum(soldIn(currency).map(({ price, sold }) => price * sold)) - refunded,
    items: sum(soldIn(currency).map(({ sold }) => sold)),
  });
  const orders = ORDERS.JPY + ORDERS.EUR;
  return {
    now: now.toISOString(),
    job: { status: 'running', problem: null, query: 'infra/analytics/query.asaql' },
    pipeline: {
      events,
      oldest: at(59),
      lagMs: 420,
      late: 0,
      dropped: [{ reason: 'malformed', events: 2 }],
      references: ['products', 'skus'].map((name) => ({
        name,
        path: `products/${minuteAt(42).slice(0, 16).replace('T', '/').replace(':', '-')}/${name}.json`,
        validFrom: minuteAt(42),
        rows: name === 'skus' ? 53 : 10,
      })),
      next: null,
      missing: [],
    },
    counts: { events, rows: events + 10, visitors: 184, sessions: 203, orders },
    revenue: [revenueIn('JPY', REFUNDED), revenueIn('EUR', 0)],
    funnel: [
      // Besides these three, one event is a refund.
      { stage: 'Viewed a product', events: events - 121 - orders - 1, visitors: 180 },
      { stage: 'Added to cart', events: 121, visitors: 81 },
      { stage: 'Purchased', events: orders, visitors: 36 },
    ],
    products,
    referrers: [
      { name: '', visitors: 88, orders: 19 },
      { name: 'www.google.com', visitors: 61, orders: 12 },
      { name: 'news.example.org', visitors: 35, orders: 6 },
    ],
    campaigns: [
      { name: '', visitors: 142, orders: 26 },
      { name: 'autumn (newsletter / email)', visitors: 42, orders: 11 },
    ],
    buckets: { minutes: 1, events: buckets },
    recent,
    sensors: [
      sampleSensor('Ginza', 19.1, 'closed', at(4 / 60)),
      sampleSensor('Osaka', 22.4, 'open', at(1 / 60)),
      sampleSensor('Sapporo', 16.6, 'closed', at(12)),
    ],
    choices: {
      events: ['browse_product', 'add_to_cart', 'purchase', 'refund'],
      products: PRODUCTS.map(({ product_id, product_name }) => ({
        productId: product_id,
        name: product_name,
      })),
    },
  };
}

const sampleSensor = (
  store: string,
  temperature: number,
  door: string,
  seen: string,
): View['sensors'][number] => ({
  ...{ deviceId: `sensor-${store.toLowerCase()}`, store, temperature, door, interval: 10, seen },
});

function sampleEvent(i: number, time: string): View['recent'][number] {
  const event = KINDS[i % KINDS.length] ?? 'purchase';
  const product = PRODUCTS[(i * 3) % PRODUCTS.length];
  const sku = product?.skus[i % product.skus.length];
  const quantity = event === 'browse_product' ? null : (i % 2) + 1;
  return {
    key: String(i),
    time,
    event,
    productId: product?.product_id ?? null,
    product: product?.product_name ?? null,
    sku: sku?.sku_id ?? null,
    size: sku?.size_name ?? null,
    color: sku?.color_name ?? null,
    quantity,
    price: product?.price ?? null,
    currency: product?.currency ?? null,
    revenue: event === 'purchase' && product ? product.price * (quantity ?? 1) : null,
    order: event === 'purchase' ? `SPG-${i}` : null,
    page: null,
    visitor: VISITORS[i % VISITORS.length] ?? null,
  };
}

/** The same without any event. */
export function emptyView(now: Date, status: View['job']['status'] = 'running'): View {
  const view = sampleView(now);
  return {
    ...view,
    job: { ...view.job, status },
    pipeline: {
      ...{ events: 0, oldest: null, lagMs: null, late: 0, dropped: [], next: null, missing: [] },
      references: status === 'waiting' ? [] : view.pipeline.references,
    },
    counts: { events: 0, rows: 0, visitors: 0, sessions: 0, orders: 0 },
    revenue: [],
    funnel: view.funnel.map(({ stage }) => ({ stage, events: 0, visitors: 0 })),
    products: [],
    referrers: [],
    campaigns: [],
    buckets: { ...view.buckets, events: view.buckets.events.map(({ start }) => ({ start, events: 0 })) },
    recent: [],
    sensors: [],
    choices: { events: [], products: [] },
  };
}
