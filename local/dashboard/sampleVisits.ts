/** The events of an ordinary hour in the demo shop, always the same, for sample figures. */

import shopProducts from '../shop/products.json';

/** One product has a price in another currency, as in a shop that sells to several countries. */
const EURO_PRODUCT = { slug: 'canvas-sneakers', price: 39.5, currency: 'EUR' };
/** Popular products first. */
export const SAMPLE_PRODUCTS = shopProducts.map((product) =>
  product.slug === EURO_PRODUCT.slug ? { ...product, ...EURO_PRODUCT } : product,
);
type Product = (typeof SAMPLE_PRODUCTS)[number];

/** One row of the query's output: an event, or an item of an order. */
export interface SampleRow {
  /** ms since 1970 */
  time: number;
  /** number of the event, in the order in which visitors arrived */
  eventId: number;
  event: 'browse_product' | 'add_to_cart' | 'purchase' | 'refund';
  /** null: the event has no list of items */
  item: number | null;
  product: Product;
  sku: Product['skus'][number];
  quantity: number | null;
  order: string | null;
  visitor: string;
  session: string;
  /** empty: none */
  referrer: string;
  campaign: string;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const SESSION_END_MS = 30 * MINUTE_MS;

const VISITORS = 184;
const MOST_VIEWS = 5;
const ADD_SHARE = 0.26;
const ORDER_SHARE = 0.47;
/** Of the visitors who came early enough for a second session. */
const RETURN_SHARE = 0.45;
const REFUND_AFTER_MS = 9 * MINUTE_MS;
/** Only the first order of one piece that is old enough is refunded. */
const REFUNDED_ORDER_AGE_MS = 20 * MINUTE_MS;

/** With the share of the visitors who came from there. */
const REFERRERS = [
  ['', 0.42],
  ['www.google.com', 0.24],
  ['www.instagram.com', 0.16],
  ['news.example.org', 0.1],
  ['www.bing.com', 0.08],
] as const;
const CAMPAIGNS = [
  ['', 0.56],
  ['autumn (newsletter / email)', 0.21],
  ['denim (instagram / cpc)', 0.14],
  ['brand (google / cpc)', 0.09],
] as const;

type Random = () => number;

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
function createRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const between = (random: Random, low: number, high: number): number => low + random() * (high - low);
const hex = (random: Random, digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(16 * random()).toString(16)).join('');

function weighted(random: Random, choices: readonly (readonly [string, number])[]): string {
  let left = random();
  return choices.find(([, share]) => (left -= share) < 0)?.[0] ?? '';
}

function anyOf<T>(random: Random, [first, ...others]: readonly [T, ...T[]], leaning = 1): T {
  return [first, ...others][Math.floor((others.length + 1) * random() ** leaning)] ?? first;
}

/** @returns the rows of the hour before `now`, newest first */
export function sampleRows(now: Date): SampleRow[] {
  const random = createRandom(7);
  const end = now.getTime() - SECOND_MS;
  const rows: SampleRow[] = [];
  let events = 0;
  for (let i = 0; i < VISITORS; i += 1) {
    const visitor = {
      visitor: `web-01a216b${hex(random, 1)}-${hex(random, 4)}-7000-${hex(random, 4)}-${hex(random, 12)}`,
      referrer: weighted(random, REFERRERS),
      campaign: weighted(random, CAMPAIGNS),
    };
    let time = end - HOUR_MS * random() ** 1.15 + SECOND_MS;
    for (
      let visits = time < end - SESSION_END_MS && random() < RETURN_SHARE ? 2 : 1;
      visits > 0;
      visits -= 1
    ) {
      const visit = visitRows(random, time, { ...visitor, session: hex(random, 16) });
      for (const { eventOfVisit, ...row } of visit) rows.push({ ...row, eventId: events + eventOfVisit });
      events += 1 + Math.max(...visit.map(({ eventOfVisit }) => eventOfVisit));
      time = Math.max(...visit.map((row) => row.time)) + SESSION_END_MS + between(random, 1, 8) * MINUTE_MS;
    }
  }
  const refunded = rows.find(
    (row) =>
      row.event === 'purchase' &&
      row.quantity === 1 &&
      row.time < end - REFUNDED_ORDER_AGE_MS &&
      rows.filter(({ order }) => order === row.order).length === 1,
  );
  if (refunded)
    rows.push({ ...refunded, time: refunded.time + REFUND_AFTER_MS, event: 'refund', eventId: events });
  return rows
    .filter(({ time }) => time > now.getTime() - HOUR_MS && time <= end)
    .sort((a, b) => b.time - a.time || (a.item ?? 0) - (b.item ?? 0));
}

type VisitRow = Omit<SampleRow, 'eventId'> & { eventOfVisit: number };

/** A visit: some products viewed, some put into the cart, and perhaps an order. */
function visitRows(
  random: Random,
  start: number,
  who: Pick<SampleRow, 'visitor' | 'session' | 'referrer' | 'campaign'>,
): VisitRow[] {
  const rows: VisitRow[] = [];
  const cart: { product: Product; sku: SampleRow['sku']; quantity: number }[] = [];
  let time = start;
  let eventOfVisit = 0;
  const add = (row: Pick<SampleRow, 'event' | 'item' | 'product' | 'sku' | 'quantity' | 'order'>): void => {
    rows.push({ ...row, ...who, time, eventOfVisit });
  };
  const next = (fewest: number, most: number): void => {
    time += Math.round(between(random, fewest, most)) * SECOND_MS;
    eventOfVisit += 1;
  };
  const views = 1 + Math.floor(MOST_VIEWS * random() ** 1.6);
  for (let view = 0; view < views; view += 1) {
    if (view > 0) next(8, 55);
    const product = anyOf(random, SAMPLE_PRODUCTS as [Product, ...Product[]], 1.4);
    const sku = anyOf(random, product.skus as [SampleRow['sku'], ...SampleRow['sku'][]]);
    add({ event: 'browse_product', item: null, product, sku, quantity: null, order: null });
    if (!product.can_purchase || random() > ADD_SHARE) continue;
    next(5, 40);
    cart.push({ product, sku, quantity: 1 });
    add({ event: 'add_to_cart', item: null, product, sku, quantity: 1, order: null });
  }
  const [first] = cart;
  if (!first || random() > ORDER_SHARE) return rows;
  next(20, 90);
  const order = `SPG-${Math.floor(2 ** 32 * random())}-${Math.floor(2 ** 32 * random())}`;
  // An order has one currency.
  const items = cart.filter(({ product }) => product.currency === first.product.currency);
  for (const [item, bought] of items.entries()) add({ event: 'purchase', item, ...bought, order });
  return rows;
}
