/** The catalogue of the demo shop. */

import type { Offer } from '../catalogue';
import catalogue from '../products.json';
import { element } from './html';

export type Product = (typeof catalogue)[number];
export type Sku = Product['skus'][number];

export const products: readonly Product[] = catalogue;
useOffers(JSON.parse(element('offers').textContent) as Offer[]);

/** Updates prices and states. @returns whether any of them has changed */
export function useOffers(offers: readonly Offer[]): boolean {
  let changed = false;
  for (const product of products) {
    const before = JSON.stringify(product);
    Object.assign(
      product,
      offers.find(({ product_id }) => product_id === product.product_id),
    );
    changed ||= JSON.stringify(product) !== before;
  }
  return changed;
}

/** Asks the shop's server for the current offers. @returns whether any of them has changed */
export async function refreshOffers(): Promise<boolean> {
  const response = await fetch('/offers');
  return response.ok && useOffers((await response.json()) as Offer[]);
}

/** @param path `162-spangle-bag` */
export function productAt(path: string): Product | undefined {
  return products.find((product) => pathOf(product) === path);
}

export function pathOf({ product_id, slug }: Product): string {
  return `${product_id}-${slug}`;
}

export function ofSku(skuId: number): { product: Product; sku: Sku } | undefined {
  for (const product of products) {
    const sku = product.skus.find(({ sku_id }) => sku_id === skuId);
    if (sku) return { product, sku };
  }
  return undefined;
}

/** The product's SKUs, one per colour. */
export function colors({ skus }: Product): Sku[] {
  return skus.filter((sku, at) => skus.findIndex(({ color_id }) => color_id === sku.color_id) === at);
}

/** `¥4,900`, `€12.50` */
export function money(amount: number, currency: string): string {
  return new Intl.NumberFormat('en-GB', {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
  }).format(amount);
}

/** Converts `BLACK` to `Black`. */
export function words(name: string): string {
  return name.charAt(0) + name.slice(1).toLowerCase();
}

const STATES: Readonly<Record<string, string>> = { pre_order: 'Pre-order', sold_out: 'Sold out' };

/** The text of the badge for the product's state; empty if there is none. */
export function badge({ product_state }: Product): string {
  return STATES[product_state] ?? '';
}
