/** The default queries of product snapshots. */

/** SQL that returns the rows of a snapshot. */
export interface ProductQueries {
  products: string;
  /** undefined: the rows of `products` are SKUs, or there are no SKUs */
  skus: string | undefined;
}

/** One row per product, with the columns that the analytics query reads. docs/analytics.md describes the tables. */
export const DEFAULT_PRODUCTS_QUERY = `
  SELECT product_id, product_code, product_name, price, currency, product_state, can_purchase
  FROM products
  ORDER BY product_id`;

/** One row per SKU. The columns of its product are for analytics queries that join only with SKUs. */
export const DEFAULT_SKUS_QUERY = `
  SELECT skus.sku_id, skus.product_id, skus.size_name, skus.color_name,
    products.product_code, products.price, products.product_state, products.can_purchase
  FROM skus JOIN products ON products.product_id = skus.product_id
  ORDER BY skus.product_id, skus.sku_id`;
