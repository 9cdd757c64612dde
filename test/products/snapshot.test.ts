import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { takeSnapshot } from '../../src/products/productSnapshot';
import { DEFAULT_PRODUCTS_QUERY, DEFAULT_SKUS_QUERY } from '../../src/settings';
import { KEY, type Stack, startStack } from '../stack';
import { freePort } from '../freePort';
import { postgresqlBinaries, sql, useSnapshotServers } from './snapshotServers';

const PATH = /^products\/\d{4}-\d\d-\d\d\/\d\d-\d\d\/(?:products|skus)\.json$/;
const servers = useSnapshotServers();
const { blobs, snapshotRows } = servers;

const settings = (url: string, products = DEFAULT_PRODUCTS_QUERY, skus?: string) => ({
  databaseUrl: url,
  queries: { products, skus: skus ?? (products === DEFAULT_PRODUCTS_QUERY ? DEFAULT_SKUS_QUERY : undefined) },
  storage: { connectionString: servers.connectionString },
});

test.runIf(process.env.CI)('in CI there is a PostgreSQL server', () => {
  expect(postgresqlBinaries).toBeDefined();
});

describe('the product snapshot', () => {
  test('holds one row per product and one per SKU, at the paths of one minute', async () => {
    const { rows, path } = await takeSnapshot(settings(servers.pgliteUrl), new Date('2026-03-04T05:06:07Z'));
    expect(path).toBe('products/2026-03-04/05-06/products.json');
    expect((await blobs()).map(({ name }) => name)).toEqual([
      path,
      path.replace('products.json', 'skus.json'),
    ]);
    const { products, skus } = await snapshotRows();
    expect(rows).toEqual({ products: products.length, skus: skus.length });
    expect(rows).toEqual({ products: 10, skus: 53 });
    expect(products[0]).toEqual({
      product_id: 162,
      product_code: 'SPG-0162',
      product_name: 'Spangle bag',
      price: 4900,
      currency: 'JPY',
      product_state: 'on_sale',
      can_purchase: true,
    });
    expect(skus[0]).toMatchObject({
      sku_id: 16201,
      product_id: 162,
      size_name: 'FREE',
      color_name: 'BLACK',
    });
  });

  test('splits the rows of PRODUCTS_QUERY alone, one per SKU, into products and SKUs', async () => {
    const joined = `SELECT skus.sku_id, products.product_id, price, size_name, color_name
      FROM products JOIN skus ON skus.product_id = products.product_id ORDER BY products.product_id DESC, skus.sku_id;`;
    await takeSnapshot(settings(servers.pgliteUrl, joined));
    const { products, skus } = await snapshotRows();
    expect([products.length, skus.length]).toEqual([10, 53]);
    expect(products.at(-1)).toEqual({ product_id: 162, price: 4900 });
    expect(skus.at(-1)).toEqual({
      ...{ sku_id: 16203, product_id: 162, price: 4900, size_name: 'FREE', color_name: 'BEIGE' },
    });
  });

  test('has no SKUs where PRODUCTS_QUERY alone names none', async () => {
    await takeSnapshot(settings(servers.pgliteUrl, 'SELECT 7 AS product_id, 12.50 AS price'));
    expect(await snapshotRows()).toEqual({ products: [{ product_id: 7, price: 12.5 }], skus: [] });
  });

  test('keeps the first of rows that a join could not tell apart', async () => {
    const twice = `SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (1, 'c')) AS rows (product_id, product_code)`;
    const skus = `SELECT * FROM (VALUES (10, 1, 'S', 'RED'), (11, 1, 'S', 'RED'), (12, 1, 'M', 'RED'))
      AS rows (sku_id, product_id, size_name, color_name)`;
    await takeSnapshot(settings(servers.pgliteUrl, twice, skus));
    const found = await snapshotRows();
    expect(found.products).toEqual([
      { product_id: 1, product_code: 'a' },
      { product_id: 2, product_code: 'b' },
    ]);
    expect(found.skus).toMatchObject([{ sku_id: 10 }, { sku_id: 12 }]);
  });

  test.skipIf(postgresqlBinaries === undefined)(
    'shows products and SKUs of one moment, whatever is committed between the two queries',
    { tags: 'full' },
    async () => {
      await sql(servers.postgresUrl ?? '', 'CREATE TABLE moments AS SELECT 1 AS product_id, 1 AS sku_id');
      // The first query takes long enough for the change, which waits for it to begin.
      const products = 'SELECT product_id FROM moments, LATERAL (SELECT pg_sleep(1.5)) AS slow';
      const snapshot = takeSnapshot(settings(servers.postgresUrl ?? '', products, 'SELECT * FROM moments'));
      const client = new Client({ connectionString: servers.postgresUrl ?? '' });
      await client.connect();
      await expect
        .poll(
          async () =>
            (
              await client.query(
                `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1.5)%' AND pid <> pg_backend_pid() AND state = 'active'`,
              )
            ).rowCount,
          { interval: 20 },
        )
        .toBe(1);
      await client.query('INSERT INTO moments VALUES (2, 2)');
      await client.end();
      expect((await snapshot).rows).toEqual({ products: 1, skus: 1 });
    },
  );

  test('is not written again while the products are the same, and never over another', async () => {
    const now = new Date('2026-03-04T05:06:07Z');
    const first = await takeSnapshot(settings(servers.pgliteUrl), now);
    expect(await takeSnapshot(settings(servers.pgliteUrl), now)).toEqual({ ...first, unchanged: true });
    const other = await takeSnapshot(settings(servers.pgliteUrl, 'SELECT 1 AS sku_id;'), now);
    expect(other.path).toBe('products/2026-03-04/05-07/products.json');
    expect((await blobs()).map(({ name }) => name.slice('products/2026-03-04/'.length))).toEqual([
      ...['05-06/products.json', '05-06/skus.json', '05-07/products.json', '05-07/skus.json'],
    ]);
  });

  test('is completed where the newest minute has only one of the files', { tags: 'full' }, async () => {
    const now = new Date('2026-03-04T05:06:07Z');
    await takeSnapshot(settings(servers.pgliteUrl), now);
    await servers.container.getBlobClient('products/2026-03-04/05-06/skus.json').delete();
    const { path, unchanged } = await takeSnapshot(settings(servers.pgliteUrl), now);
    expect([path, unchanged]).toEqual(['products/2026-03-04/05-07/products.json', false]);
  });

  test.each([
    ['gives no rows', 'SELECT 1 WHERE false', /no rows/],
    ['is wrong', 'SELECT nothing FROM nowhere', /nowhere/],
    ['would write', 'DELETE FROM skus RETURNING sku_id', /syntax|read-only/],
  ])('fails when its query %s, and leaves the last one in place', async (_, query, message) => {
    const { path } = await takeSnapshot(settings(servers.pgliteUrl));
    await expect(takeSnapshot(settings(servers.pgliteUrl, query))).rejects.toThrow(message);
    expect((await blobs()).map(({ name }) => name)).toEqual([
      path,
      path.replace('products.json', 'skus.json'),
    ]);
  });

  test.skipIf(postgresqlBinaries === undefined)(
    'is the same, byte for byte, from PGlite and PostgreSQL',
    { tags: 'full' },
    async () => {
      const odd = `SELECT 9007199254740993::bigint AS id, 12.340::numeric AS price, 0.1::float8 AS f, E'\\u00e9"\\n' AS t,
      true AS b, NULL AS n, '2026-01-02T03:04:05.678901+09'::timestamptz AS at, '{"a": 1}'::jsonb AS j`;
      for (const query of [DEFAULT_PRODUCTS_QUERY, odd]) {
        await servers.container.deleteIfExists();
        await takeSnapshot(settings(servers.pgliteUrl, query));
        const ofPglite = await blobs();
        await servers.container.deleteIfExists();
        await takeSnapshot(settings(servers.postgresUrl ?? '', query));
        const ofPostgres = await blobs();
        expect(ofPostgres.map(({ text }) => text)).toEqual(ofPglite.map(({ text }) => text));
        expect(ofPglite[0]?.text).toMatch(/^\[\n\{/);
      }
    },
  );

  test.skipIf(postgresqlBinaries === undefined)(
    'of 100,000 SKUs leaves memory where it was',
    { tags: 'full' },
    async () => {
      const query = `SELECT n AS sku_id, n / 5 AS product_id, md5(n::text) AS product_code, repeat('x', 200) AS name
      FROM generate_series(1, 100000) AS n ORDER BY n`;
      globalThis.gc?.();
      let peak = 0;
      const before = process.memoryUsage().rss;
      const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
      const { rows, bytes } = await takeSnapshot(settings(servers.postgresUrl ?? '', query));
      clearInterval(watch);
      expect(rows).toEqual({ products: 20_001, skus: 100_000 });
      expect(bytes).toBeGreaterThan(25_000_000);
      // Far less than a copy of what went through, in text and as objects.
      expect(peak - before).toBeLessThan(80_000_000);
    },
  );
});

describe('the timer snapshotProducts', () => {
  let stack: Stack;
  const run = async (over: Record<string, string> = {}, until: RegExp) => {
    stack = await startStack({
      settings: {
        PRODUCTS_DATABASE_URL: servers.pgliteUrl,
        PRODUCTS_STORAGE: servers.connectionString,
        ...over,
      },
    });
    await fetch(`${stack.host.url}/admin/functions/snapshotProducts`, {
      method: 'POST',
      headers: { 'x-functions-key': KEY, 'content-type': 'application/json' },
      body: '{}',
    });
    await expect.poll(() => stack.logged.join('\n')).toMatch(until);
    await stack.close();
    return stack.logged.join('\n');
  };

  test('takes a snapshot in the built app and logs rows, bytes and time', async () => {
    await run({}, /Product snapshot: 10 products, 53 SKUs, \d+ bytes in \d+ ms: products\//);
    expect((await blobs()).map(({ name }) => name)).toEqual([
      expect.stringMatching(PATH),
      expect.stringMatching(PATH),
    ]);
  });

  test('reports an unreachable database as a failure, without its password', { tags: 'full' }, async () => {
    const url = `postgres://reader:hush-hush@127.0.0.1:${await freePort()}/shop`;
    const log = await run({ PRODUCTS_DATABASE_URL: url }, /failed: .*No product snapshot.*ECONNREFUSED/);
    expect(log).not.toContain('hush-hush');
  });

  test.each<[string, (url: string) => Record<string, string>]>([
    [
      'an account key that is not base64',
      (url) => ({ PRODUCTS_STORAGE: `AccountName=a;AccountKey=hu%sh "19"/Zq+;BlobEndpoint=${url}` }),
    ],
    [
      'an account key',
      (url) => ({ PRODUCTS_STORAGE: `AccountName=a;AccountKey=aHVzaDE5WnEr;BlobEndpoint=${url}` }),
    ],
    [
      'a signature in the connection string',
      (url) => ({
        PRODUCTS_STORAGE: `BlobEndpoint=${url};SharedAccessSignature=sv=2024-05-04&sig=hu%2Fsh%2B19Zq`,
      }),
    ],
    [
      'a signature in the URL',
      (url) => ({ PRODUCTS_STORAGE: '', PRODUCTS_STORAGE__blobServiceUri: `${url}?sig=hu%2Fsh%2B19Zq` }),
    ],
    [
      'a key in the place of a host',
      () => ({
        PRODUCTS_STORAGE: 'AccountName=a;AccountKey=aHVzaDE5WnEr;BlobEndpoint=http://hush19Zq.invalid/a',
      }),
    ],
  ])('shows no part of %s when the storage refuses it', { tags: 'full' }, async (_, settingsFor) => {
    // It quotes what it was asked, as storage accounts do.
    const quoting = createServer((request, response) => {
      const quoted = `${request.url ?? ''} ${request.headers.authorization ?? ''} aHVzaDE5WnEr`;
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>AuthenticationFailed</Code><Message>${quoted}</Message></Error>`);
    }).listen(0, '127.0.0.1');
    await once(quoting, 'listening');
    const { port } = quoting.address() as AddressInfo;
    try {
      const log = await run(
        settingsFor(`http://127.0.0.1:${port}/a`),
        /No product snapshot.*: \S|settings are/,
      );
      expect(log).not.toMatch(/hu%|hu\/sh|hush|sh%|19zq|19"|aHVza|WnEr/i);
    } finally {
      quoting.close();
    }
  });

  test('logs a reason even if the storage returns only 404', { tags: 'full' }, async () => {
    const nothing = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(nothing, 'listening');
    const { port } = nothing.address() as AddressInfo;
    const PRODUCTS_STORAGE = `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${Buffer.alloc(32).toString('base64')};BlobEndpoint=http://127.0.0.1:${port}/a`;
    try {
      await run({ PRODUCTS_STORAGE }, /failed: .*No product snapshot, the last one stays in use: \S.*404/);
    } finally {
      nothing.close();
    }
  });

  test.each([
    [{ PRODUCTS_STORAGE: 'AccountName=hush' }, 'PRODUCTS_STORAGE lacks a part'],
    [{ PRODUCTS_STORAGE: 'SharedAccessSignature=sv=1&sig=hush' }, 'PRODUCTS_STORAGE lacks a part'],
    [{ PRODUCTS_STORAGE: 'AccountName=a;AccountKey=hush' }, 'PRODUCTS_STORAGE lacks a part'],
    [
      { PRODUCTS_STORAGE: '', PRODUCTS_STORAGE__blobServiceUri: 'http://hush.invalid/' },
      'PRODUCTS_STORAGE__blobServiceUri does not begin with https://',
    ],
  ])('names what is wrong with the storage: %j', { tags: 'full' }, async (settings, reason) => {
    expect(await run(settings, new RegExp(`in use: ${reason}`))).not.toContain('hush');
  });

  test.each([
    ['SELECT nothing FROM hush_hush', /a table of PRODUCTS_QUERY does not exist \(SQLSTATE 42P01\)/],
    ['SELECT 1 WHERE false', /the query gave no rows/],
  ])(
    'names what is wrong with its query in our words: %s',
    { tags: 'full' },
    async (PRODUCTS_QUERY, reason) => {
      expect(await run({ PRODUCTS_QUERY }, reason)).not.toContain('hush');
    },
  );

  test('names SKUS_QUERY where that is the wrong one', { tags: 'full' }, async () => {
    await run({ SKUS_QUERY: 'SELECT nothing FROM nowhere' }, /a table of SKUS_QUERY does not exist/);
  });

  test('logs complete words, even if the password is one of them', { tags: 'full' }, async () => {
    const url = `postgres://reader:connect@127.0.0.1:${await freePort()}/shop`;
    const log = await run({ PRODUCTS_DATABASE_URL: url }, /failed: .*No product snapshot.*\(ECONNREFUSED\)/);
    expect(log).not.toMatch(/redacted|\bconnect\b/);
  });

  test('does nothing without a database', { tags: 'full' }, async () => {
    await run({ PRODUCTS_DATABASE_URL: '' }, /No product snapshot: PRODUCTS_DATABASE_URL/);
  });
});
