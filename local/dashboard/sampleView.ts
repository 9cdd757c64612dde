/** A view of an ordinary hour in the demo shop, for screenshots and tests. Its figures are counted from its events. */

import { SAMPLE_PRODUCTS, type SampleRow, sampleRows } from './sampleVisits';
import { FUNNEL, RECENT_ROWS, TOP_ROWS } from './measures';
import type { View } from './view';

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
const distinct = (rows: readonly SampleRow[], valueOf: (row: SampleRow) => unknown): number =>
  new Set(rows.map(valueOf)).size;
const eventsOf = (rows: readonly SampleRow[]): number => distinct(rows, ({ eventId }) => eventId);
const visitorsOf = (rows: readonly SampleRow[]): number => distinct(rows, ({ visitor }) => visitor);
const purchasesOf = (rows: readonly SampleRow[]): SampleRow[] =>
  rows.filter(({ event }) => event === 'purchase');
const ordersOf = (rows: readonly SampleRow[]): number => distinct(purchasesOf(rows), ({ order }) => order);
const piecesOf = (rows: readonly SampleRow[]): number =>
  sum(purchasesOf(rows).map(({ quantity }) => quantity ?? 1));
const valueOf = ({ product, quantity }: SampleRow): number => product.price * (quantity ?? 1);

function groups<K>(rows: readonly SampleRow[], keyOf: (row: SampleRow) => K): [K, SampleRow[]][] {
  const found = new Map<K, SampleRow[]>();
  for (const row of rows) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), row]);
  return [...found];
}

/** @param now the newest event is a second older */
export function sampleView(now: Date): View {
  const rows = sampleRows(now);
  const at = (minutesAgo: number): string => new Date(now.getTime() - minutesAgo * MINUTE_MS).toISOString();
  const minuteAt = (minutesAgo: number): string => at(minutesAgo).replace(/:\d\d\.\d+Z/, ':00Z');
  const events = eventsOf(rows);
  return {
    now: now.toISOString(),
    job: { status: 'running', problem: null, query: 'infra/analytics/query.asaql' },
    pipeline: {
      events,
      oldest: new Date(rows.at(-1)?.time ?? now).toISOString(),
      lagMs: 420,
      late: 0,
      dropped: [{ reason: 'malformed', events: 2 }],
      references: ['products', 'skus'].map((name) => ({
        name,
        path: `products/${minuteAt(42).slice(0, 16).replace('T', '/').replace(':', '-')}/${name}.json`,
        validFrom: minuteAt(42),
        rows: name === 'skus' ? sum(SAMPLE_PRODUCTS.map(({ skus }) => skus.length)) : SAMPLE_PRODUCTS.length,
      })),
      next: null,
      missing: [],
    },
    counts: {
      events,
      rows: rows.length,
      visitors: visitorsOf(rows),
      sessions: distinct(rows, ({ session }) => session),
      orders: ordersOf(rows),
    },
    revenue: sampleRevenue(rows),
    funnel: FUNNEL.map(({ stage, events: names }) => {
      const reached = rows.filter(({ event }) => (names as readonly string[]).includes(event));
      return { stage, events: eventsOf(reached), visitors: visitorsOf(reached) };
    }),
    products: sampleProducts(rows),
    referrers: sources(rows, ({ referrer }) => referrer),
    campaigns: sources(rows, ({ campaign }) => campaign),
    buckets: { minutes: 1, events: sampleBuckets(rows, now) },
    recent: rows.slice(0, RECENT_ROWS).map(recentRow),
    sensors: [
      sampleSensor('Ginza', 19.1, 'closed', at(4 / 60)),
      sampleSensor('Osaka', 22.4, 'open', at(1 / 60)),
      sampleSensor('Sapporo', 16.6, 'closed', at(12)),
    ],
    choices: {
      events: groups(rows, ({ event }) => event)
        .sort(([, a], [, b]) => b.length - a.length)
        .map(([event]) => event),
      products: SAMPLE_PRODUCTS.map(({ product_id, product_name }) => ({
        productId: product_id,
        name: product_name,
      })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    },
  };
}

function sampleRevenue(rows: readonly SampleRow[]): View['revenue'] {
  const sales = rows.filter(({ event }) => event === 'purchase' || event === 'refund');
  return groups(sales, ({ product }) => product.currency)
    .map(([currency, sold]) => {
      const refunded = sum(sold.filter(({ event }) => event === 'refund').map(valueOf));
      const revenue = sum(purchasesOf(sold).map(valueOf)) - refunded;
      return { currency, revenue, refunded, orders: ordersOf(sold), items: piecesOf(sold) };
    })
    .sort((a, b) => b.orders - a.orders);
}

function sampleProducts(rows: readonly SampleRow[]): View['products'] {
  return groups(rows, ({ product }) => product)
    .map(([product, of]) => ({
      productId: product.product_id,
      name: product.product_name,
      code: product.product_code,
      price: product.price,
      currency: product.currency,
      state: product.product_state,
      visitors: visitorsOf(of),
      events: eventsOf(of),
      sold: piecesOf(of),
    }))
    .sort((a, b) => b.events - a.events || a.productId - b.productId)
    .slice(0, TOP_ROWS);
}

function sources(rows: readonly SampleRow[], nameOf: (row: SampleRow) => string): View['referrers'] {
  return groups(rows, nameOf)
    .map(([name, of]) => ({ name, visitors: visitorsOf(of), orders: ordersOf(of) }))
    .sort((a, b) => b.visitors - a.visitors || (a.name < b.name ? -1 : 1));
}

/** Minutes, of which the first and the last one are within the hour only in part. */
function sampleBuckets(rows: readonly SampleRow[], now: Date): View['buckets']['events'] {
  const from = now.getTime() - HOUR_MINUTES * MINUTE_MS;
  const first = Math.floor(from / MINUTE_MS);
  const last = Math.floor(now.getTime() / MINUTE_MS);
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const start = (first + i) * MINUTE_MS;
    return {
      start: new Date(start).toISOString().replace('.000Z', 'Z'),
      events: eventsOf(rows.filter(({ time }) => time >= start && time < start + MINUTE_MS)),
      partial: start < from || start + MINUTE_MS > now.getTime(),
    };
  });
}

const sampleSensor = (
  store: string,
  temperature: number,
  door: string,
  seen: string,
): View['sensors'][number] => ({
  ...{ deviceId: `sensor-${store.toLowerCase()}`, store, temperature, door, interval: 10, seen },
});

function recentRow(row: SampleRow): View['recent'][number] {
  const { product, sku, event } = row;
  const signs = { browse_product: null, add_to_cart: null, purchase: 1, refund: -1 };
  const sign = signs[event];
  return {
    key: [row.eventId, row.item].filter((one) => one !== null).join('/'),
    time: new Date(row.time).toISOString(),
    event,
    productId: product.product_id,
    product: product.product_name,
    sku: sku.sku_id,
    size: sku.size_name,
    color: sku.color_name,
    quantity: row.quantity,
    price: product.price,
    currency: product.currency,
    revenue: sign === null ? null : sign * valueOf(row),
    order: row.order,
    page: null,
    visitor: row.visitor,
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
    buckets: { ...view.buckets, events: view.buckets.events.map((bucket) => ({ ...bucket, events: 0 })) },
    recent: [],
    sensors: [],
    choices: { events: [], products: [] },
  };
}
