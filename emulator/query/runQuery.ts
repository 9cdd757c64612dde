import { createHash } from 'node:crypto';
import type { Hub } from '../hub';
import { IotHubError, notImplemented } from '../iotHubError';
import { clientIdOf } from '../registry';
import { twinJson, type JsonObject } from '../twins';
import { aggregate, isAggregate, project } from './aggregate';
import type { Query } from './ast';
import { meets } from './evaluate';
import { parseQuery } from './parseQuery';

/** iot-hub-devguide-query-language: a page has at most 1,000 items. */
const MAX_PAGE_ITEMS = 1_000;
/** The collections of a query. */
const DEVICES = 'devices';
const MODULES = 'devices.modules';
/** Page size for requests without one, as from Microsoft's SDKs. */
const DEFAULT_PAGE_ITEMS = 100;

export interface QueryPage {
  readonly items: readonly JsonObject[];
  /** The type in `x-ms-item-type`. */
  readonly type: 'Twin' | 'Raw';
  /** Gets the next page; undefined after the last one. */
  readonly continuation: string | undefined;
}

export interface PageRequest {
  /** The page size from `x-ms-max-item-count`. */
  readonly size?: number | undefined;
  /** The continuation token of the previous page. */
  readonly continuation?: string | undefined;
}

/**
 * A page of `SELECT … FROM devices …` or `FROM devices.modules`. Devices and modules come in the order in which they
 * were created, so that a page neither repeats nor skips one that exists throughout.
 *
 * @throws IotHubError ArgumentInvalid for a malformed query, page size or continuation
 */
export function runQuery(hub: Hub, text: string, { size, continuation }: PageRequest = {}): QueryPage {
  const query = parseQuery(text);
  if (query.from !== DEVICES && query.from !== MODULES) {
    throw notImplemented(`queries of ${query.from}`);
  }
  if (isAggregate(query)) {
    const documents = (function* () {
      for (const { document } of matching(hub, query, '')) yield document;
    })();
    const rows = aggregate(documents, query);
    return { items: rows.slice(0, query.top ?? rows.length), type: 'Raw', continuation: undefined };
  }
  const from = continuation === undefined ? { after: '', taken: 0 } : readContinuation(continuation, text);
  const left = query.top === null ? Infinity : query.top - from.taken;
  const limit = Math.min(pageSize(size), left);
  const items: JsonObject[] = [];
  let after = from.after;
  let hasMore = false;
  for (const { generationId, document } of matching(hub, query, from.after)) {
    hasMore = items.length === limit;
    if (hasMore) break;
    items.push(query.select ? project(document, query.select) : document);
    after = generationId;
  }
  return {
    items,
    type: query.select ? 'Raw' : 'Twin',
    continuation:
      hasMore && limit < left
        ? writeContinuation({ after, taken: from.taken + items.length }, text)
        : undefined,
  };
}

/** Generation ids have 18 digits and increase with each device and module. */
function* matching(hub: Hub, { from, where }: Query, after: string) {
  for (const identity of from === MODULES ? hub.modules.all() : hub.registry.all()) {
    const { generationId } = identity;
    if (generationId <= after) continue;
    const clientId = clientIdOf(identity);
    const document = twinJson(hub.clients.get(clientId), hub.twins.get(clientId));
    if (!where || meets(where, document)) yield { generationId, document };
  }
}

function pageSize(size = DEFAULT_PAGE_ITEMS): number {
  if (!Number.isInteger(size) || size < 1) {
    throw new IotHubError('ArgumentInvalid', 'x-ms-max-item-count must be a whole number above 0.');
  }
  return Math.min(size, MAX_PAGE_ITEMS);
}

/** Where a page ended: the last device, and the number of items so far. */
interface Position {
  readonly after: string;
  readonly taken: number;
}

const digest = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 16);

const writeContinuation = ({ after, taken }: Position, query: string): string =>
  Buffer.from([after, taken, digest(query)].join(' ')).toString('base64');

function readContinuation(text: string, query: string): Position {
  const [, after = '', taken, ofQuery] =
    /^(\d{18}) (\d{1,15}) (\S{16})$/.exec(Buffer.from(text, 'base64').toString()) ?? [];
  if (ofQuery !== digest(query)) {
    throw new IotHubError('ArgumentInvalid', 'The continuation token is not one of this query.');
  }
  return { after, taken: Number(taken) };
}
