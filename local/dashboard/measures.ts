/** The measures of the dashboard, as SQL over the rows of the analytics job. */

import * as z from 'zod';

export const TOP_ROWS = 10;
export const RECENT_ROWS = 50;
const MAX_SENSORS = 50;
/** Maximum number of choices of a filter. The most frequent values are offered. */
const MAX_CHOICES = 100;
/** maximum length of a text in a table, because an event may have 256 KB */
const MAX_TEXT_CHARACTERS = 200;

/** The stages of a purchase, with the original names of their events and those of GA4. */
export const FUNNEL = [
  { stage: 'Viewed a product', events: ['browse_product', 'view_item'] },
  { stage: 'Added to cart', events: ['add_to_cart'] },
  { stage: 'Purchased', events: ['purchase'] },
] as const;

/**
 * The key by which events are counted. The rows of an event share its device, its message id, if it has one, and its
 * position in the message. A client that retries may send an event twice with the same id. The key is a 64-bit hash, because
 * counting distinct texts would keep all of them in memory.
 */
export const EVENT = `hash(device_id, coalesce(message_id, concat_ws('/', CAST(__ts AS VARCHAR), CAST(__seq AS VARCHAR))), element_index)`;

const cut = (column: string): string => `left(${column}, ${MAX_TEXT_CHARACTERS})`;
const stageSql = `CASE ${FUNNEL.map(({ events }, i) => `WHEN event IN (${events.map((event) => `'${event}'`).join(', ')}) THEN ${i}`).join(' ')} END`;

/** Purchases and refunds without the repeated rows of retries, so that sums do not count them twice. */
const salesOf = (rows: string): string =>
  `(SELECT DISTINCT ON (${EVENT}, item_index) *, coalesce(order_id, CAST(${EVENT} AS VARCHAR)) AS order_key
    FROM ${rows} WHERE event IN ('purchase', 'refund'))`;
const PURCHASED = `FILTER (WHERE event = 'purchase')`;

const id = z.union([z.number(), z.string()]).nullable();
const text = z.string().nullable();
const count = z.number();

/** A measure: the SQL that reads it from the rows of `source` (a table or subquery), and the shape of its rows. */
interface Measure<T> {
  sql: (source: string) => string;
  rows: z.ZodType<T[]>;
}
const measure = <T extends z.ZodRawShape>(shape: T, sql: (source: string) => string) => ({
  sql,
  rows: z.array(z.object(shape)),
});
export type RowOf<M> = M extends Measure<infer T> ? T : never;

export const totals = measure(
  { events: count, rows: count, visitors: count, sessions: count, oldest: text },
  (source) =>
    `SELECT count(DISTINCT ${EVENT}) AS events, count(*) AS rows, count(DISTINCT device_id) AS visitors,
       count(DISTINCT session_id) AS sessions, min(__ts) AS oldest FROM ${source}`,
);

/** `revenue` is net of refunds, `refunded` is their amount, and `items` is the number of pieces sold. */
export const revenue = measure(
  { currency: text, revenue: count, refunded: count, orders: count, items: count },
  (source) =>
    `SELECT ${cut('currency')} AS currency, coalesce(sum(revenue), 0) AS revenue,
     coalesce(-sum(revenue) FILTER (WHERE event = 'refund'), 0) AS refunded,
     count(DISTINCT order_key) ${PURCHASED} AS orders,
     coalesce(CAST(sum(coalesce(quantity, 1)) ${PURCHASED} AS BIGINT), 0) AS items
   FROM ${salesOf(source)} GROUP BY 1 ORDER BY orders DESC, currency LIMIT ${TOP_ROWS}`,
);

export const orders = measure(
  { orders: count },
  (source) => `SELECT count(DISTINCT order_key) ${PURCHASED} AS orders FROM ${salesOf(source)}`,
);

export const funnel = measure(
  { stage: z.number(), events: count, visitors: count },
  (source) =>
    `SELECT ${stageSql} AS stage, count(DISTINCT ${EVENT}) AS events, count(DISTINCT device_id) AS visitors
   FROM ${source} WHERE ${stageSql} IS NOT NULL GROUP BY 1`,
);

export const products = measure(
  {
    productId: id,
    name: text,
    code: text,
    price: z.number().nullable(),
    currency: text,
    state: text,
    visitors: count,
    events: count,
    sold: count,
  },
  (source) =>
    `SELECT product_id AS "productId", arg_max(${cut('product_name')}, __ts) AS name, arg_max(${cut('product_code')}, __ts) AS code,
       arg_max(price, __ts) AS price, arg_max(${cut('price_currency')}, __ts) AS currency,
       arg_max(${cut('product_state')}, __ts) AS state, count(DISTINCT device_id) AS visitors,
       count(DISTINCT ${EVENT}) AS events,
       coalesce((SELECT CAST(sum(coalesce(quantity, 1)) ${PURCHASED} AS BIGINT) FROM ${salesOf(source)} AS sales
         WHERE sales.product_id = shown.product_id), 0) AS sold
     FROM ${source} AS shown WHERE product_id IS NOT NULL GROUP BY product_id
     ORDER BY events DESC, product_id LIMIT ${TOP_ROWS}`,
);

/** Groups sessions by the referring site; empty: no referrer. */
export const referrers = measure({ name: z.string(), visitors: count, orders: count }, (source) =>
  bySource(source, `coalesce(nullif(regexp_extract(page_referrer, '^[a-z]+://([^/:?#]+)', 1), ''), '')`),
);

/** `autumn (newsletter / email)`; empty: no campaign. */
export const campaigns = measure({ name: z.string(), visitors: count, orders: count }, (source) =>
  bySource(
    source,
    `coalesce(utm_campaign, '') || CASE WHEN utm_source IS NULL AND utm_medium IS NULL THEN ''
       ELSE ' (' || concat_ws(' / ', utm_source, utm_medium) || ')' END`,
  ),
);

function bySource(source: string, name: string): string {
  return `SELECT ${cut(`(${name})`)} AS name, count(DISTINCT device_id) AS visitors,
      count(DISTINCT coalesce(order_id, CAST(${EVENT} AS VARCHAR))) FILTER (WHERE event = 'purchase') AS orders
    FROM ${source} GROUP BY 1 ORDER BY visitors DESC, name LIMIT ${TOP_ROWS}`;
}

/**
 * The buckets of a time range that ends now. The range begins and ends within a bucket, so the first bucket (unless the
 * range begins with it) and the last one are `partial`: they have no events of before the range, or of the future.
 */
export const buckets = (minutes: number, bucketMinutes: number) => {
  const length = `INTERVAL '${bucketMinutes} minutes'`;
  const end = `(now() AT TIME ZONE 'UTC')`;
  const begin = `(${end} - INTERVAL '${minutes} minutes')`;
  return measure(
    { start: z.string(), events: count, partial: z.boolean() },
    (source) =>
      `SELECT strftime(start, '%Y-%m-%dT%H:%M:00Z') AS start, count(DISTINCT event_key) AS events,
       start < ${begin} OR start + ${length} > ${end} AS partial
     FROM (SELECT unnest(range(time_bucket(${length}, ${begin}), ${end}, ${length})) AS start)
     LEFT JOIN (SELECT __ts, ${EVENT} AS event_key FROM ${source})
       ON time_bucket(${length}, __ts) = start GROUP BY start ORDER BY start`,
  );
};

export const recent = measure(
  {
    key: z.string(),
    time: z.string(),
    event: text,
    productId: id,
    product: text,
    sku: id,
    size: text,
    color: text,
    quantity: id,
    price: z.number().nullable(),
    currency: text,
    revenue: z.number().nullable(),
    order: text,
    page: text,
    visitor: text,
  },
  (source) =>
    `SELECT concat_ws('/', CAST(${EVENT} AS VARCHAR), CAST(item_index AS VARCHAR)) AS key, __ts AS time, ${cut('event')} AS event,
       product_id AS "productId", ${cut('coalesce(product_name, product_code)')} AS product, sku_id AS sku,
       ${cut('size_name')} AS size, ${cut('color_name')} AS color, quantity, coalesce(unit_price, price) AS price,
       ${cut('CASE WHEN unit_price IS NULL THEN price_currency ELSE currency END')} AS currency, revenue,
       ${cut('order_id')} AS order, ${cut('page_location')} AS page, ${cut('device_id')} AS visitor
     FROM ${source} ORDER BY __ts DESC, __seq DESC, item_index LIMIT ${RECENT_ROWS}`.replace(
      ' AS order,',
      ' AS "order",',
    ),
);

export const eventChoices = measure(
  { event: z.string() },
  (source) =>
    `SELECT ${cut('event')} AS event FROM ${source} WHERE event IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ${MAX_CHOICES}`,
);
export const productChoices = measure(
  { productId: id, name: text },
  (source) =>
    `SELECT product_id AS "productId", arg_max(${cut('coalesce(product_name, product_code)')}, __ts) AS name
   FROM ${source} WHERE product_id IS NOT NULL GROUP BY 1 ORDER BY name, 1 LIMIT ${MAX_CHOICES}`,
);

/** The newest state of each sensor, from the output `sensor-readings`. `seen` is the time of its newest message. */
export const sensors = measure(
  {
    deviceId: z.string(),
    store: text,
    temperature: z.number().nullable(),
    door: text,
    /** in seconds */
    interval: z.number().nullable(),
    seen: z.string(),
  },
  (source) =>
    `SELECT ${cut('device_id')} AS "deviceId", arg_max(${cut('store')}, __ts) AS store, arg_max(temperature, __ts) FILTER (WHERE isfinite(temperature)) AS temperature,
       arg_max(${cut('door')}, __ts) AS door, arg_max(CAST(reporting_interval AS DOUBLE), __ts) AS interval, max(__ts) AS seen
     FROM ${source} WHERE device_id IS NOT NULL GROUP BY 1 ORDER BY store, "deviceId" LIMIT ${MAX_SENSORS}`,
);
