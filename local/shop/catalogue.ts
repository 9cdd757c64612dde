/** Prices and states of the products of the demo shop, from the product database. */

import { Client } from 'pg';
import * as z from 'zod';
import { DEFAULT_PRODUCTS_QUERY } from '../../src/settings';
import shopProducts from './products.json';

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 2_000;
/** Pages that load together share one read. */
const FRESH_MS = 500;

/** The data of a product in the product database. */
const offer = z.object({
  product_id: z.coerce.number(),
  // Type of PostgreSQL's numeric and bigint, which `pg` returns as text.
  price: z.coerce.number(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  product_state: z.string(),
  can_purchase: z.boolean(),
});
export type Offer = z.infer<typeof offer>;

export interface Catalogue {
  /** Sets the URL of the PostgreSQL database. Before that, the prices are those in `products.json`. */
  setDatabase: (url: string) => void;
  /** The current offers, or the last known ones if the database does not respond. */
  read: () => Promise<readonly Offer[]>;
}

/** Reads the current prices and states of the shop's products from the product database. */
export function createCatalogue(): Catalogue {
  let url: string | undefined;
  let known: readonly Offer[] = z.array(offer).parse(shopProducts);
  let reading: Promise<void> | undefined;
  let readAt = -Infinity;

  const refresh = async (databaseUrl: string): Promise<void> => {
    const rows = await readOffers(databaseUrl);
    known = known.map((before) => rows.find(({ product_id }) => product_id === before.product_id) ?? before);
    readAt = performance.now();
  };
  return {
    setDatabase: (databaseUrl) => {
      url = databaseUrl;
    },
    read: async () => {
      if (url !== undefined && performance.now() - readAt > FRESH_MS) {
        reading ??= refresh(url)
          .catch(() => undefined) // the database is starting, or has other tables
          .finally(() => {
            reading = undefined;
          });
        await reading;
      }
      return known;
    },
  };
}

async function readOffers(connectionString: string): Promise<Offer[]> {
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'hubfront shop',
  });
  client.on('error', () => undefined); // the running query gets the error, too
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(DEFAULT_PRODUCTS_QUERY);
    return rows.flatMap((row) => offer.safeParse(row).data ?? []);
  } finally {
    void client.end().catch(() => undefined);
  }
}
