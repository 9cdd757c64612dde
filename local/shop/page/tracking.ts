/** Sends the shop's events with the web client, if the visitor's privacy settings allow it. */

import { type Hubfront, createHubfront } from '../../../clients/web/hubfront';
import { startTracking } from '../../../clients/web/tracking';
import type { Line } from './cart';
import { type Product, type Sku, pathOf } from './products';

/** The shop's telemetry. */
export interface Tracking extends Pick<Hubfront, 'on' | 'flush'> {
  deviceId: () => string | undefined;
  /** Whether events are tracked: not if the browser sends a privacy signal and the visitor has not given consent. */
  hasConsent: () => boolean;
  /** Records the visitor's consent in this browser. */
  agree: () => void;
  browsed: (product: Product, sku: Sku) => void;
  addedToCart: (product: Product, sku: Sku) => void;
  /** @returns the id of the order */
  purchased: (lines: readonly Line[]) => string;
  /** Called with each event when it is queued. */
  onQueued: (listener: (messageId: string, deviceMessage: ShopEvent) => void) => void;
}

/** A product, a SKU and money, as GA4's items have them; docs/analytics.md compares the names. */
interface Item {
  product_id: number;
  size_name: string;
  color_name: string;
  quantity: number;
  unit_price: number;
}

/** Fields of an event that the analytics query reads. */
export type ShopEvent = {
  /** URL of the product in the selected colour, or of the cart */
  event_value: string;
} & (
  | ({ event: 'browse_product'; referer_product_id: number | null } & Omit<Item, 'quantity' | 'unit_price'>)
  | ({ event: 'add_to_cart'; referer_product_id: number | null; currency: string; value: number } & Item)
  | { event: 'purchase'; order_id: string; currency: string; value: number; items: Item[] }
);

const CONSENT_KEY = 'spangle-consent';

/** @param endpoint of the functions, `https://<app>/api` */
export function createTracking(endpoint: string): Tracking {
  const hubfront = createHubfront({
    endpoint,
    consent: localStorage.getItem(CONSENT_KEY) === 'yes' ? true : undefined,
    register: async (visitor) => {
      const answer = await fetch('/visitors', { method: 'POST', body: JSON.stringify(visitor) });
      if (!answer.ok) throw new Error(`The shop responded with ${answer.status}`);
      return (await answer.json()) as { deviceId: string; deviceKey: string };
    },
  });

  const tracking = startTracking(hubfront, { sessions: true, campaigns: true });

  let listener: (messageId: string, deviceMessage: ShopEvent) => void = () => undefined;
  /** id of the last product that was viewed */
  let lastProductId: number | null = null;
  const track = (event: ShopEvent): void => {
    const messageId = tracking.track(event);
    if (messageId) listener(messageId, event);
  };
  const chosen = (product: Product, sku: Sku) => ({
    event_value: `${location.origin}/products/${pathOf(product)}?color=${sku.color_id}`,
    product_id: product.product_id,
    size_name: sku.size_name,
    color_name: sku.color_name,
  });
  /** by product id: the product from which the visitor opened its page */
  const referers = new Map<number, number | null>();

  return {
    on: hubfront.on,
    flush: hubfront.flush,
    deviceId: () => hubfront.deviceId,
    hasConsent: () => hubfront.consent,
    agree: () => {
      localStorage.setItem(CONSENT_KEY, 'yes');
      hubfront.setConsent(true);
    },
    browsed: (product, sku) => {
      if (product.product_id !== lastProductId) referers.set(product.product_id, lastProductId);
      const referer_product_id = referers.get(product.product_id) ?? null;
      track({ event: 'browse_product', ...chosen(product, sku), referer_product_id });
      lastProductId = product.product_id;
    },
    addedToCart: (product, sku) => {
      track({
        event: 'add_to_cart',
        ...chosen(product, sku),
        referer_product_id: referers.get(product.product_id) ?? null,
        quantity: 1,
        unit_price: product.price,
        currency: product.currency,
        value: product.price,
      });
    },
    purchased: (lines) => {
      const order_id = `SPG-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
      // An order has one currency: GA4's `value` and `currency` are of the whole order.
      for (const currency of new Set(lines.map(({ product }) => product.currency))) {
        const items = lines
          .filter(({ product }) => product.currency === currency)
          .map(({ product, sku, quantity }) => ({
            product_id: product.product_id,
            size_name: sku.size_name,
            color_name: sku.color_name,
            quantity,
            unit_price: product.price,
          }));
        const value = items.reduce((sum, { quantity, unit_price }) => sum + quantity * unit_price, 0);
        const event_value = `${location.origin}/cart`;
        track({ event: 'purchase', event_value, order_id, currency, value, items });
      }
      return order_id;
    },
    onQueued: (told) => {
      listener = told;
    },
  };
}
