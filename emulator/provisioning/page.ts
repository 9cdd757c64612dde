/** Pages of a query's results. */

import { z } from 'zod';
import type { HubResponse } from '../httpsServer';
import { parseJson } from '../parseJson';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from './limits';
import { notEmulated, ProvisioningError } from './provisioningError';

/** The headers of a query, as the client sent them. */
export interface PageRequest {
  readonly size: string | undefined;
  readonly continuation: string | undefined;
}

/** Microsoft's samples write `*` or `SELECT * FROM enrollments`. */
const EVERYTHING = /^\s*(?:\*|select\s+\*(?:\s+from\s+\w+)?)\s*;?\s*$/i;

const queryBody = z.object({ query: z.string() });

/** @param items in the order of their sequence numbers. @throws ProvisioningError */
export function page<Item extends { readonly sequence: number }>(
  items: Iterable<Item>,
  options: PageRequest & {
    readonly body: Buffer;
    readonly itemType: string;
    readonly json: (item: Item) => object;
  },
): HubResponse {
  const parsed = queryBody.safeParse(parseJson(options.body, 'The body'));
  if (!parsed.success) throw new ProvisioningError('BadRequest', 'The body must be {"query": "SELECT …"}.');
  if (!EVERYTHING.test(parsed.data.query)) throw notEmulated('queries other than SELECT * FROM enrollments');
  const size = wholeNumber('x-ms-max-item-count', options.size, DEFAULT_PAGE_SIZE);
  if (size < 1 || size > MAX_PAGE_SIZE) {
    throw new ProvisioningError('BadRequest', `x-ms-max-item-count must be 1 to ${MAX_PAGE_SIZE}.`);
  }
  const after = wholeNumber('x-ms-continuation', options.continuation, 0);
  const found: Item[] = [];
  let hasMore = false;
  for (const item of items) {
    if (item.sequence <= after) continue;
    hasMore = found.length === size;
    if (hasMore) break;
    found.push(item);
  }
  return {
    status: 200,
    body: found.map(options.json),
    headers: {
      'x-ms-item-type': options.itemType,
      'x-ms-max-item-count': String(size),
      ...(hasMore ? { 'x-ms-continuation': String(found.at(-1)?.sequence ?? 0) } : {}),
    },
  };
}

function wholeNumber(name: string, text: string | undefined, absent: number): number {
  if (text === undefined || text === '') return absent;
  if (!/^\d{1,9}$/.test(text)) throw new ProvisioningError('BadRequest', `${name} is not valid.`);
  return Number(text);
}
