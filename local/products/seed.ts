import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

/** The tables that the defaults of PRODUCTS_QUERY and SKUS_QUERY read. */
export const SCHEMA = `
  CREATE TABLE products (
    product_id bigint PRIMARY KEY,
    product_code text NOT NULL UNIQUE,
    product_name text NOT NULL,
    price numeric NOT NULL,
    currency text NOT NULL,
    product_state text NOT NULL,
    can_purchase boolean NOT NULL
  );
  CREATE TABLE skus (
    sku_id bigint PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    size_name text NOT NULL,
    color_name text NOT NULL
  );
  CREATE INDEX ON skus (product_id);`;

const shopProducts = z.array(
  z.object({
    product_id: z.int(),
    product_code: z.string(),
    product_name: z.string(),
    price: z.number(),
    currency: z.string(),
    product_state: z.string(),
    can_purchase: z.boolean(),
    skus: z.array(z.object({ sku_id: z.int(), size_name: z.string(), color_name: z.string() })),
  }),
);

/** The SQL that creates the tables with the demo shop's products. */
export function seedSql(): string {
  const file = join(__dirname, '..', 'shop', 'products.json');
  const products = shopProducts.parse(JSON.parse(readFileSync(file, 'utf8')));
  const rows = products.map((product) =>
    tuple(
      product.product_id,
      product.product_code,
      product.product_name,
      product.price,
      product.currency,
      product.product_state,
      product.can_purchase,
    ),
  );
  const skus = products.flatMap(({ product_id, skus }) =>
    skus.map((sku) => tuple(sku.sku_id, product_id, sku.size_name, sku.color_name)),
  );
  return `${SCHEMA}
  INSERT INTO products VALUES ${rows.join(', ')};
  INSERT INTO skus VALUES ${skus.join(', ')};`;
}

const tuple = (...values: readonly (string | number | boolean)[]): string =>
  `(${values.map((value) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value))).join(', ')})`;
