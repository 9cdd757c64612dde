/** The rows of the deployed query: one per event, item and array element. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../analytics/cli';

const product = (product_id: number): object => ({
  ...{ product_id, product_code: `P-${product_id}`, product_name: `Product ${product_id}` },
  ...{ price: 4900, currency: 'JPY', product_state: 'on_sale', can_purchase: true },
});
const sku = (sku_id: number, product_id: number, size_name: string, color_name: string): object => ({
  ...{ sku_id, product_id, size_name, color_name },
});
/** Products 1, 2 and 3 have no SKU, one, and six. */
const PRODUCTS = [1, 2, 3].map(product);
const SKUS = [
  sku(20, 2, 'FREE', 'BLACK'),
  ...['S', 'M', 'L'].flatMap((size, i) => [sku(30 + i, 3, size, 'NAVY'), sku(40 + i, 3, size, 'RED')]),
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-rows-'));
  await writeFile(join(folder, 'products.json'), JSON.stringify(PRODUCTS));
  await writeFile(join(folder, 'skus.json'), JSON.stringify(SKUS));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The rows of the deployed query for messages with these payloads. */
function rowsOf(payloads: readonly unknown[], query?: string, skus?: string) {
  const messages = payloads.map((Data, i) => message(Data, i, { MessageId: `m${i}` }));
  return rowsOfMessages(messages, query, skus);
}

/** A message of a visitor, at a second of a minute, as Stream Analytics reads it. */
const message = (Data: unknown, second: number, metadata: object) => ({
  deviceId: 'visitor-1',
  Data,
  EventEnqueuedUtcTime: `2026-11-24T10:00:${String(second).padStart(2, '0')}.0000000Z`,
  IoTHub: { ConnectionDeviceId: 'visitor-1', ...metadata },
});

async function rowsOfMessages(
  messages: readonly object[],
  query = 'infra/analytics/query.asaql',
  skus = 'skus',
) {
  const [input, output] = [join(folder, 'events.json'), join(folder, 'rows.ndjson')];
  await writeFile(input, JSON.stringify(messages));
  const products = skus === 'skus' ? ['--reference', `products=${join(folder, 'products.json')}`] : [];
  await main([
    ...['--query', query, '--input', input, ...products],
    ...['--reference', `${skus}=${join(folder, 'skus.json')}`, '--output', output],
  ]);
  const text = (await readFile(output, 'utf8')).trimEnd();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('an event is one row, whether its product has no SKU, one or six, with a size and without', async () => {
  const chosen = { size_name: 'M', color_name: 'RED' };
  const rows = await rowsOf(
    [1, 2, 3].flatMap((product_id) => [
      { event: 'browse_product', product_id },
      { event: 'browse_product', product_id, ...chosen },
      { event: 'browse_product', product_id, size_name: 'FREE', color_name: 'BLACK' },
    ]),
  );
  expect(rows.map(({ message_id, sku_id }) => [message_id, sku_id])).toEqual([
    ['m0', null],
    ['m1', null],
    ['m2', null],
    ['m3', null],
    ['m4', null],
    ['m5', 20],
    ['m6', null],
    ['m7', 41],
    ['m8', null],
  ]);
  for (const row of rows)
    expect(row).toMatchObject({ price: 4900, product_state: 'on_sale', can_purchase: 1 });
});

test('the original query still has one row for each SKU of the product', async () => {
  const original = 'test/analytics/golden/original/query.asaql';
  const rows = await rowsOf([{ event: 'purchase', product_id: 3, size_name: 'M' }], original, 'product-skus');
  expect(rows.map(({ sku_id }) => sku_id)).toEqual([30, 40, 31, 41, 32, 42]);
});

test('an order is one row per item, and its revenue adds up, in the original names and in those of GA4', async () => {
  const [first, second, third, fourth] = [
    { product_id: 3, size_name: 'M', color_name: 'RED', quantity: 2, unit_price: 4900 },
    { product_id: 2, size_name: 'FREE', color_name: 'BLACK', quantity: 1, unit_price: 100 },
    { item_id: '3', price: 12.5, quantity: 2 },
    { item_id: 'gift-card', price: 5 },
  ];
  const rows = await rowsOf([
    { event: 'purchase', order_id: 'a', currency: 'JPY', value: 9900, items: [first, second] },
    { event: 'purchase', transaction_id: 'b', currency: 'EUR', value: 30, items: [third, fourth] },
    { event: 'purchase', product_id: 1, quantity: 3, unit_price: 10 },
    { event: 'purchase', order_id: 'd', currency: 'EUR', value: 7.5 },
    { event: 'add_to_cart', product_id: 1, quantity: 3, unit_price: 10, items: [] },
  ]);
  expect(rows.map((row) => [row.order_id, row.item_index, row.sku_id, row.revenue, row.currency])).toEqual([
    ['a', 0, 41, 9800, 'JPY'],
    ['a', 1, 20, 100, 'JPY'],
    ['b', 0, null, 25, 'EUR'],
    ['b', 1, null, 5, 'EUR'],
    ['visitor-1/m2', null, null, 30, 'JPY'],
    ['d', null, null, 7.5, 'EUR'],
    [null, null, null, null, 'JPY'],
  ]);
});

test('a refund has negative revenue, with items and without, so that revenue adds up to what was kept', async () => {
  const items = [
    { item_id: '3', price: 12.5, quantity: 2 },
    { item_id: 'gift-card', price: 5 },
  ];
  const rows = await rowsOf([
    { event: 'purchase', transaction_id: 'b', currency: 'EUR', value: 30, items },
    {
      event: 'refund',
      transaction_id: 'b',
      currency: 'EUR',
      value: 12.5,
      items: [{ ...items[0], quantity: 1 }],
    },
    { event: 'refund', transaction_id: 'b', currency: 'EUR', value: 17.5 },
    { event: 'refund', transaction_id: 'b' },
  ]);
  expect(rows.map(({ order_id, revenue }) => [order_id, revenue])).toEqual([
    ['b', 25],
    ['b', 5],
    ['b', -12.5],
    ['b', -17.5],
    ['b', null],
  ]);
});

test('a currency is the same in upper and lower case', async () => {
  const rows = await rowsOf(['jpy', 'JPY'].map((currency) => ({ event: 'purchase', value: 1, currency })));
  expect(rows.map(({ currency }) => currency)).toEqual(['JPY', 'JPY']);
});

test('a payload that is an array is one row per event in it', async () => {
  const rows = await rowsOf([
    [
      { event: 'page_view', page_location: 'https://shop.example/' },
      {
        event: 'purchase',
        items: [
          { product_id: 1, unit_price: 1 },
          { product_id: 2, unit_price: 2 },
        ],
      },
    ],
    { event: 'page_view' },
  ]);
  const keys = rows.map((row) => [
    row.event_id,
    row.message_id,
    row.element_index,
    row.item_index,
    row.event,
  ]);
  expect(keys).toEqual([
    ['visitor-1/m0/0', 'm0', 0, null, 'page_view'],
    ['visitor-1/m0/1', 'm0', 1, 0, 'purchase'],
    ['visitor-1/m0/1', 'm0', 1, 1, 'purchase'],
    ['visitor-1/m1', 'm1', null, null, 'page_view'],
  ]);
});

test('messages of different devices, or without an id, are different events and orders', async () => {
  const purchase = { event: 'purchase', value: 1, currency: 'EUR' };
  const rows = await rowsOfMessages([
    message(purchase, 0, { MessageId: '1', ConnectionDeviceId: 'till-1' }),
    message(purchase, 0, { MessageId: '1', ConnectionDeviceId: 'till-2' }),
    message([purchase, purchase], 1, { ConnectionDeviceId: 'till-1' }),
    message([purchase], 2, { ConnectionDeviceId: 'till-1' }),
    message(purchase, 3, { ConnectionDeviceId: 'till-1' }),
  ]);
  expect(new Set(rows.map(({ event_id }) => event_id)).size).toBe(6);
  expect(new Set(rows.map(({ order_id }) => order_id)).size).toBe(6);
});
