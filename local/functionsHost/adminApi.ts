import { TextDecoder } from 'node:util';
import { type MatchFunction, match } from 'path-to-regexp';
import * as z from 'zod';
import { isCrossOrigin } from '../../emulator/httpsServer/allowedHosts';
import { schemeOf } from '../allowedHosts';
import { type FunctionKeys, isAdmin, isHostKey } from './functionKeys';
import type { BodyResult } from './requestBody';
import type { RequestHead } from './requestHead';

/** The host's own endpoints under `/admin` that this host supports: the ping and running a function. */

export interface AdminResponse {
  status: number;
  headers?: Readonly<Record<string, string>>;
  /** the request's body was not read, so the connection is closed */
  closes?: boolean;
}

export interface AdminOptions {
  keys: FunctionKeys;
  /** runs a function; false if the app has no such function */
  runOnDemand: (name: string, input: string) => boolean;
}

interface AdminRequest {
  head: RequestHead;
  path: string;
  key: string | undefined;
  readBody: () => Promise<BodyResult>;
}

/** Defines an endpoint by its methods and path. */
interface Endpoint<P extends Record<string, string> = Record<string, string>> {
  methods: readonly string[];
  matches: MatchFunction<P>;
}

const PING: Endpoint = { methods: ['GET', 'POST'], matches: match('/admin/host/ping') };
const RUN: Endpoint<{ name: string }> = {
  methods: ['POST'],
  matches: match('/admin/functions/:name', { decode: false }),
};
/** Endpoints of the real host that this host does not support. Without the master key, both hosts return 401. */
const OTHERS: readonly Endpoint[] = [
  {
    methods: ['GET'],
    matches: match(['/admin/functions', '/admin/functions/:name/status', '/admin/host/status']),
  },
  { methods: ['GET', 'PUT', 'DELETE'], matches: match('/admin/functions/:name') },
];
const JSON_TYPE = /^(?:application|text)\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const CHARSET = /;\s*charset="?([^";\s]+)/i;
/** Of ASP.NET Core's JSON reader, by their names in .NET: UTF-8 and little-endian UTF-16. */
const JSON_CHARSETS = ['utf-8', 'utf-16', 'utf-16le', 'unicode'];
/** `MaxDepth` of ASP.NET Core's JSON reader. */
const MAX_JSON_DEPTH = 32;

/** The request body for running a function: `FunctionInvocation` of the real host. */
const runRequest = z.looseObject({ input: z.union([z.string(), z.number(), z.boolean()]).nullish() });

/** Whether the path belongs to the host, so that functions cannot use it. */
export function isAdminPath(path: string): boolean {
  return /^\/admin(?:\/|$)/i.test(path);
}

/** @returns undefined if the client disconnected */
export async function serveAdmin(
  { head, path, key, readBody }: AdminRequest,
  { keys, runOnDemand }: AdminOptions,
): Promise<AdminResponse | undefined> {
  const origin = {
    host: head.host,
    origin: head.headers.get('origin'),
    'sec-fetch-site': head.headers.get('sec-fetch-site'),
  };
  if (isCrossOrigin(origin, schemeOf(head.headers.get('x-forwarded-proto')))) return { status: 403 };
  const find = <P extends Record<string, string>>({ methods, matches }: Endpoint<P>) =>
    methods.includes(head.method) && matches(path);
  if (find(PING))
    return { status: 200, headers: { 'Cache-Control': 'no-store,no-cache', Pragma: 'no-cache' } };
  const run = find(RUN);
  if (!run && !OTHERS.some(find)) return { status: 404 };
  if (!isAdmin(key, keys)) {
    return isHostKey(key, keys)
      ? { status: 403 }
      : { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } };
  }
  if (!run) return { status: 404 };
  const encoding = encodingOf(head.headers.get('content-type') ?? '');
  if (!encoding) return { status: 415 };
  const body = await readBody();
  if (!body) return undefined;
  if ('status' in body) return { ...body, closes: true };
  const invocation = runRequest.safeParse(parseJson(encoding.decode(body.bytes)));
  body.release();
  if (!invocation.success) return { status: 400 };
  return { status: runOnDemand(run.params.name, String(invocation.data.input ?? '')) ? 202 : 404 };
}

/** The decoder of a JSON body by its content type; undefined if the real host would not read it. */
function encodingOf(contentType: string): TextDecoder | undefined {
  if (!JSON_TYPE.test(contentType)) return undefined;
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
  return JSON_CHARSETS.includes(charset) ? new TextDecoder(charset, { ignoreBOM: true }) : undefined;
}

/** @returns undefined if the text is no JSON, or nested too deeply for the real host */
function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return depthOf(value) > MAX_JSON_DEPTH ? undefined : value;
  } catch {
    return undefined;
  }
}

/** Stops below the maximum, so that the recursion is bounded. */
function depthOf(value: unknown, level = 0): number {
  if (typeof value !== 'object' || value === null || level > MAX_JSON_DEPTH) return level;
  return Object.values(value).reduce<number>(
    (deepest, member) => Math.max(deepest, depthOf(member, level + 1)),
    level + 1,
  );
}
