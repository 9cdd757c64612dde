/** Readable names of events, the same in the shop and on the dashboard. */

const NAMES = new Map([
  ['browse_product', 'Viewed a product'],
  ['view_item', 'Viewed a product'],
  ['add_to_cart', 'Added to cart'],
  ['purchase', 'Purchased'],
  ['refund', 'Refunded'],
  ['page_view', 'Viewed a page'],
]);

/** Readable names for the shop's events and those of GA4. Other events keep their names. */
export const eventName = (event: string | null): string =>
  event === null ? '(no name)' : (NAMES.get(event) ?? event);
