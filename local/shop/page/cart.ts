/** The shopping cart, kept in the browser's local storage. */

import { type Product, type Sku, ofSku } from './products';

export interface Line {
  product: Product;
  sku: Sku;
  quantity: number;
}

const KEY = 'spangle-cart';
const MAX_QUANTITY = 9;

/** Quantities by sku id, stored in this browser. */
function read(): Record<string, number> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, number>;
  } catch {
    return {};
  }
}

export function lines(): Line[] {
  return Object.entries(read()).flatMap(([skuId, quantity]) => {
    const found = ofSku(Number(skuId));
    return found ? [{ ...found, quantity }] : [];
  });
}

export function add(sku: Sku): void {
  setQuantity(sku.sku_id, (read()[sku.sku_id] ?? 0) + 1);
}

/** 0 removes the item. */
export function setQuantity(skuId: number, quantity: number): void {
  const quantities: Record<string, number> = { ...read(), [skuId]: Math.min(quantity, MAX_QUANTITY) };
  const left = Object.entries(quantities).filter(([, chosen]) => chosen > 0);
  localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(left)));
}

export function empty(): void {
  localStorage.removeItem(KEY);
}

export function count(): number {
  return lines().reduce((sum, { quantity }) => sum + quantity, 0);
}

export interface Money {
  amount: number;
  currency: string;
}

/** What the cart costs, by currency. */
export function totals(): Money[] {
  const amounts = new Map<string, number>();
  for (const { product, quantity } of lines())
    amounts.set(product.currency, (amounts.get(product.currency) ?? 0) + quantity * product.price);
  return [...amounts].map(([currency, amount]) => ({ currency, amount }));
}

export const QUANTITIES: readonly number[] = Array.from({ length: MAX_QUANTITY }, (_, at) => at + 1);
