/** Makes sure that a product snapshot exists before the Stream Analytics job starts. */

import { setTimeout as delay } from 'node:timers/promises';
import { type HookContext, required } from './context';
import { readHostKeys } from './functionKeys';
import { HookError, RestError } from './rest';

const STORAGE_HEADERS = { 'x-ms-version': '2023-11-03' };
/** How long to wait for a snapshot. One of 300 MB takes one or two minutes. */
const MAX_POLLS = 60;

/** The files of a snapshot. Each is a reference input of the job. */
const TABLES = ['products', 'skus'] as const;
type Table = (typeof TABLES)[number];

/**
 * Makes sure that a product snapshot exists before the job starts, because the job cannot start without products and
 * SKUs. If a database is set, the app takes the snapshot. Otherwise the hook writes empty files, and events have no
 * product columns until a real snapshot exists.
 */
export async function ensureSnapshot(context: HookContext): Promise<void> {
  const { environment, rest, log, whatIf } = context;
  try {
    const missing = await missingTables(context);
    if (missing.length === 0) {
      log('Products: a snapshot exists');
      return;
    }
    if (environment.PRODUCTS_FROM_DATABASE?.toLowerCase() === 'true') {
      const { masterKey } = await readHostKeys(context);
      await rest(`${required(context, 'API_URL')}/admin/functions/snapshotProducts`, {
        method: 'POST',
        headers: { 'x-functions-key': masterKey },
        body: { input: '' },
        notYetOn: 404, // 404: Front Door does not know its new route yet
        what: 'take a product snapshot from the database',
      });
      if (whatIf) return;
      await waitForSnapshot(context);
      log('Products: a snapshot was taken');
    } else {
      const now = new Date();
      for (const table of missing) {
        await rest(blobUrl(context, snapshotPath(now, table)), {
          method: 'PUT',
          headers: { ...STORAGE_HEADERS, 'x-ms-blob-type': 'BlockBlob', 'if-none-match': '*' },
          body: [],
          what: `write an empty snapshot of the ${table}`,
        });
      }
      if (!whatIf)
        log(
          `Products: no database is set, so the job starts with an empty snapshot of ${missing.join(' and ')}`,
        );
    }
  } catch (error) {
    if (!(error instanceof RestError) || error.status !== 403) throw error;
    throw new HookError(
      `The product snapshots cannot be reached (${error.message}). A new role takes effect after some minutes; with ` +
        'private networking, run azd hooks run postdeploy from within the network.',
    );
  }
}

/** The paths that the job reads, in UTC: `products/{yyyy-MM-dd}/{HH-mm}/products.json` and `…/skus.json`. */
export function snapshotPath(time: Date, table: Table = 'products'): string {
  const [date = '', clock = ''] = time.toISOString().split('T');
  return `products/${date}/${clock.slice(0, 5).replace(':', '-')}/${table}.json`;
}

async function waitForSnapshot(context: HookContext): Promise<void> {
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    if ((await missingTables(context)).length === 0) return;
    await delay(context.pollMs);
  }
  throw new HookError(
    'No product snapshot was written. Look at the function snapshotProducts in Application Insights: can it reach ' +
      'the database, and are PRODUCTS_QUERY and SKUS_QUERY correct? Then run azd hooks run postdeploy again.',
  );
}

/** The tables without any snapshot. A page of the list has up to 5,000 blobs. */
async function missingTables(context: HookContext): Promise<Table[]> {
  let missing: Table[] = [...TABLES];
  let marker = '';
  do {
    const list = `${blobUrl(context, '')}?restype=container&comp=list&prefix=products/${marker && `&marker=${encodeURIComponent(marker)}`}`;
    const xml = String(await context.rest(list, { headers: STORAGE_HEADERS }));
    missing = missing.filter((table) => !xml.includes(`/${table}.json</Name>`));
    marker = /<NextMarker>([^<]+)<\/NextMarker>/.exec(xml)?.[1] ?? '';
  } while (missing.length > 0 && marker !== '');
  return missing;
}

function blobUrl(context: HookContext, path: string): string {
  const endpoint = required(context, 'PRODUCTS_BLOB_ENDPOINT').replace(/\/$/, '');
  return `${endpoint}/${required(context, 'PRODUCTS_CONTAINER')}${path === '' ? '' : `/${path}`}`;
}
