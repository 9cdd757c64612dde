import { type Hubfront, createHubfront } from '../../../clients/web/hubfront';
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
  purchased: (product: Product, sku: Sku) => void;
  /** Called with each event when it is queued. */
  onQueued: (listener: (messageId: string, deviceMessage: ShopEvent) => void) => void;
}

/** The fields that the shop's analytics read. */
export interface ShopEvent {
  event: 'browse_product' | 'add_to_cart' | 'purchase';
  /** URL of the product, with the displayed colour */
  event_value: string;
  product_id: number;
  size_name: string;
  color_name: string;
  /** the product that was displayed before */
  referer_product_id: number | null;
}

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

  let listener: (messageId: string, deviceMessage: ShopEvent) => void = () => undefined;
  let lastProductId: number | null = null;
  const track = (event: ShopEvent['event'], product: Product, sku: Sku): void => {
    const deviceMessage: ShopEvent = {
      event,
      event_value: `${location.origin}/products/${pathOf(product)}?color=${sku.color_id}`,
      product_id: product.product_id,
      size_name: sku.size_name,
      color_name: sku.color_name,
      referer_product_id: lastProductId,
    };
    const messageId = hubfront.track(deviceMessage);
    if (messageId) listener(messageId, deviceMessage);
  };

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
      track('browse_product', product, sku);
      lastProductId = product.product_id;
    },
    addedToCart: (product, sku) => {
      track('add_to_cart', product, sku);
    },
    purchased: (product, sku) => {
      track('purchase', product, sku);
    },
    onQueued: (told) => {
      listener = told;
    },
  };
}
