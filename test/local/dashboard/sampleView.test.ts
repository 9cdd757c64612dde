/** The figures of the sample view, which the screenshots in docs/ show. */

import { expect, test } from 'vitest';
import { emptyView, sampleView } from '../../../local/dashboard/sampleView';
import type { View } from '../../../local/dashboard/view';

/** In the middle of a minute, at its beginning and at its end. */
const TIMES = ['2026-11-24T10:42:25Z', '2026-11-24T10:42:00Z', '2026-11-24T10:42:59.999Z'];

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
const times = (minutesAgo: number, now: Date): string =>
  new Date(now.getTime() - minutesAgo * 60_000).toISOString();

test.each(TIMES)('the figures agree with each other at %s', (at) => {
  const now = new Date(at);
  const { counts, revenue, funnel, products, referrers, campaigns, buckets, recent, pipeline } =
    sampleView(now);
  // The tables show all products, referrers and campaigns, so their sums are the totals.
  for (const { currency, revenue: net, refunded, items } of revenue) {
    const sold = products.filter((product) => product.currency === currency);
    expect(net + refunded).toBe(sum(sold.map((product) => (product.price ?? NaN) * product.sold)));
    expect(items).toBe(sum(sold.map((product) => product.sold)));
  }
  expect(sum(revenue.map(({ orders }) => orders))).toBe(counts.orders);
  expect(sum(buckets.events.map(({ events }) => events))).toBe(counts.events);
  for (const sources of [referrers, campaigns]) {
    expect(sum(sources.map(({ visitors }) => visitors))).toBe(counts.visitors);
    expect(sum(sources.map(({ orders }) => orders))).toBe(counts.orders);
  }
  const [viewed, added, purchased] = funnel;
  expect(viewed?.visitors).toBe(counts.visitors);
  expect(added?.visitors).toBeLessThan(viewed?.visitors ?? 0);
  expect(purchased?.visitors).toBeLessThan(added?.visitors ?? 0);
  expect(purchased?.visitors).toBeLessThanOrEqual(counts.orders);
  const refunds = 1;
  expect(sum(funnel.map(({ events }) => events)) + refunds).toBe(counts.events);
  expect(counts.sessions).toBeGreaterThan(counts.visitors);
  expect(pipeline.events).toBe(counts.events);
  expect(pipeline.oldest ?? '').toMatch(
    new RegExp(`^${times(60, now).slice(0, 16)}|^${times(59, now).slice(0, 16)}`),
  );
  expect(recent[0]?.time.slice(0, 16)).toBe(times(1 / 60, now).slice(0, 16));
});

test('only the first and the last minute are incomplete', () => {
  const partial = ({ buckets }: View): number[] =>
    buckets.events.flatMap((bucket, i) => (bucket.partial ? [i] : []));
  expect(partial(sampleView(new Date(TIMES[0] ?? '')))).toEqual([0, 60]);
  expect(partial(sampleView(new Date(TIMES[1] ?? '')))).toEqual([60]);
});

test('every product of the recent events is among the products, at the same price', () => {
  const { recent, products } = sampleView(new Date());
  for (const { productId, price, currency } of recent)
    expect(products).toContainEqual(expect.objectContaining({ productId, price, currency }));
});

test('an empty view has no figure', () => {
  const { counts, revenue, recent, buckets } = emptyView(new Date());
  expect([counts, revenue, recent].map((one) => sum(Object.values(one)))).toEqual([0, 0, 0]);
  expect(sum(buckets.events.map(({ events }) => events))).toBe(0);
});
