/** Makes sure that a product snapshot exists before the Stream Analytics job starts. */

import { setTimeout as delay } from 'node:timers/promises';
import { type HookContext, required } from './context';
import { readHostKeys } from './functionKeys';
import { HookError, RestError } from './rest';

const STORAGE_HEADERS = { 'x-ms-version': '2023-11-03' };
/** A snapshot of 300 MB takes a minute or two. */
const MAX_POLLS = 60;

/**
 * Sees to it that there is a product snapshot before the job starts: without one it cannot begin. With a database
 * the app takes it; without one an empty snapshot lets events through with no product columns until a real one is
 * there.
 */
export async function ensureSnapshot(context: HookContext): Promise<void> {
  const { environment, rest, log, whatIf } = context;
  try {
    if (await hasSnapshot(context)) {
      log('Products: a snapshot is there');
      return;
    }
    if (environment.PRODUCTS_FROM_DATABASE?.toLowerCase() === 'true') {
      const { masterKey } = await readHostKeys(context);
      await rest(`${required(context, 'API_URL')}/admin/functions/snapshotProducts`, {
        method: 'POST',
        headers: { 'x-functions-key': masterKey },
        body: { input: '' },
        notYetOn: 404, // Front Door, until it knows its new route
        what: 'take a product snapshot from the database',
      });
      if (whatIf) return;
      await waitForSnapshot(context);
      log('Products: a snapshot is taken');
    } else {
      await rest(blobUrl(context, snapshotPath(new Date())), {
        method: 'PUT',
        headers: { ...STORAGE_HEADERS, 'x-ms-blob-type': 'BlockBlob', 'if-none-match': '*' },
        body: [],
        what: 'write an empty product snapshot',
      });
      if (!whatIf) log('Products: no database is set, so the job starts with an empty snapshot');
    }
  } catch (error) {
    if (!(error instanceof RestError) || error.status !== 403) throw error;
    throw new HookError(
      `The product snapshots cannot be reached (${error.message}). A new role takes some minutes to be known; with ` +
        'private networking, run azd hooks run postdeploy from within the network.',
    );
  }
}

/** Of the reference path of the job, in UTC: `products/{yyyy-MM-dd}/{HH-mm}/products.json`. */
export function snapshotPath(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split('T');
  return `products/${date}/${clock.slice(0, 5).replace(':', '-')}/products.json`;
}

async function waitForSnapshot(context: HookContext): Promise<void> {
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    if (await hasSnapshot(context)) return;
    await delay(context.pollMs);
  }
  throw new HookError(
    'No product snapshot came: look at the function snapshotProducts in Application Insights (is the database within ' +
      'reach, and PRODUCTS_QUERY right?), then run azd hooks run postdeploy again.',
  );
}

async function hasSnapshot(context: HookContext): Promise<boolean> {
  const list = `${blobUrl(context, '')}?restype=container&comp=list&prefix=products/&maxresults=1`;
  const xml = await context.rest(list, { headers: STORAGE_HEADERS });
  return String(xml).includes('<Name>');
}

function blobUrl(context: HookContext, path: string): string {
  const endpoint = required(context, 'PRODUCTS_BLOB_ENDPOINT').replace(/\/$/, '');
  return `${endpoint}/${required(context, 'PRODUCTS_CONTAINER')}${path === '' ? '' : `/${path}`}`;
}
