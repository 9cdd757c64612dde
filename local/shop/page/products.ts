/** The catalogue of the demo shop. */

import catalogue from '../products.json';

export type Product = (typeof catalogue)[number];
export type Sku = Product['skus'][number];

export const products: readonly Product[] = catalogue;

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

export function yen(price: number): string {
  return `¥${price.toLocaleString('en')}`;
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
