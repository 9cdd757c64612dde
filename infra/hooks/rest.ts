/** The HTTP client of the hooks: access tokens, retries, timeouts and errors. */

import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 60_000;
/**
 * Attempts per request. The pauses between them are 2, 4, 8, 16, 30, 30 and 30 s: two minutes, in which a Functions
 * host starts.
 */
const MAX_ATTEMPTS = 8;
const MAX_WAIT_MS = 30_000;
/** Publishing a report takes some seconds. */
const MAX_POLLS = 60;

/**
 * A Functions host that is starting rejects key requests with 400 and this text: azure-functions-host#5722, #11379.
 * The request was not carried out, so it may be repeated.
 */
const HOST_IS_STARTING = /from host runtime/i;

/** An error that the person who deploys can fix. It is shown without a stack trace. */
export class HookError extends Error {
  override readonly name = 'HookError';
}

/** An unexpected error response. */
export class RestError extends HookError {
  constructor(
    readonly status: number,
    method: string,
    url: URL,
    detail: string,
  ) {
    super(`${method} ${url.host}${url.pathname} returned ${status}${detail === '' ? '' : `: ${detail}`}`);
  }
}

export interface RestRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  /** The request only reads, although its method is not GET. So it is also sent in a what-if. */
  reads?: boolean;
  /**
   * The request creates something, so repeating it after a lost response could create a second one. It is repeated
   * only if it was not carried out.
   */
  creates?: boolean;
  /** A 202 names an operation in `Location`, as in Fabric. The client waits for its end. */
  operation?: boolean;
  /** For a what-if: a description of the change. */
  what?: string;
  /** For this status, the client returns undefined instead of an error. */
  absentOn?: number;
  /** This status is retried like 5xx, because the object exists but its service does not know it yet. */
  notYetOn?: number;
}

export type Rest = (url: string, request?: RestRequest) => Promise<unknown>;

export interface RestOptions {
  /** bearer token for a URL; empty if none is needed */
  token: (url: string) => Promise<string>;
  /** changes nothing, and logs what would be changed */
  whatIf: boolean;
  log: (line: string) => void;
  /** pause before the first retry, and interval between checks of an operation */
  retryMs: number;
}

/**
 * Creates the client for all requests of the hooks. It retries after throttling, 5xx, a starting Functions host and
 * lost connections, and respects Retry-After.
 *
 * @returns a function that returns the JSON of a response, or undefined if it has none
 */
export function createRest({ token, whatIf, log, retryMs }: RestOptions): Rest {
  async function send(address: string, request: RestRequest): Promise<Response | Error> {
    const { method, body, headers } = request;
    const bearer = await token(address);
    return fetch(address, {
      method: method ?? 'GET',
      headers: {
        ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => error as Error);
  }

  /** @throws {HookError} if the response is an error, and its status is not `absentOn` */
  async function request(
    address: string,
    options: RestRequest,
  ): Promise<{ headers: Headers; body: unknown } | undefined> {
    const url = new URL(address);
    for (let attempt = 1; ; attempt++) {
      const response = await send(address, options);
      let waitMs = retryMs * 2 ** (attempt - 1);
      if (response instanceof Error) {
        if (attempt === MAX_ATTEMPTS || options.creates) {
          throw new HookError(`${url.host} cannot be reached (${reasonOf(response)})`);
        }
      } else {
        const text = await response.text();
        if (response.ok) return { headers: response.headers, body: parse(text) };
        if (response.status === options.absentOn) return undefined;
        const detail = errorText(parse(text));
        if (!isTransient(response.status, detail, options) || attempt === MAX_ATTEMPTS) {
          throw new RestError(response.status, options.method ?? 'GET', url, detail);
        }
        waitMs = retryAfterMs(response.headers) ?? waitMs;
      }
      await delay(Math.min(waitMs, MAX_WAIT_MS));
    }
  }

  /** @throws {HookError} if the operation fails or does not end in time */
  async function waitForOperation(operation: string, startedBy: Headers): Promise<void> {
    let headers = startedBy;
    for (let poll = 0; poll < MAX_POLLS; poll++) {
      await delay(Math.min(retryAfterMs(headers) ?? retryMs, MAX_WAIT_MS));
      const response = await request(operation, {});
      const { status, error } = (response?.body ?? {}) as { status?: string; error?: unknown };
      if (status === 'Succeeded') return;
      if (status === 'Failed') {
        throw new HookError(
          `${new URL(operation).host} reported a failed operation: ${errorText({ error }) || 'no reason given'}`,
        );
      }
      headers = response?.headers ?? headers;
    }
    throw new HookError(`${new URL(operation).host} has not finished an operation. Try again later.`);
  }

  return async (address, options = {}) => {
    const { method = 'GET', reads = method === 'GET', what } = options;
    if (whatIf && !reads) {
      log(`would ${what ?? `${method} ${address}`}`);
      return undefined;
    }
    const response = await request(address, options);
    const operation = options.operation ? response?.headers.get('location') : undefined;
    if (response && operation) await waitForOperation(new URL(operation, address).href, response.headers);
    return response?.body;
  };
}

function isTransient(status: number, detail: string, { creates, notYetOn }: RestRequest): boolean {
  if (status === 429 || (status === 400 && HOST_IS_STARTING.test(detail))) return true;
  return status === notYetOn || (status >= 500 && !creates);
}

/** Retry-After in milliseconds, if it is a number. */
function retryAfterMs(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? NaN);
  return seconds >= 0 ? seconds * 1_000 : undefined;
}

/** Storage returns lists in XML. Responses that are not JSON are returned as text. */
function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Code and message of an error of Azure Resource Manager, App Service, Power BI, Fabric (JSON) or storage (XML). */
function errorText(body: unknown): string {
  const { code, message } = typeof body === 'string' ? xmlError(body) : jsonError(body);
  return [code, message].filter((part) => part !== undefined && part !== '').join(': ');
}

interface ErrorParts {
  code?: string | undefined;
  message?: string | undefined;
}

/** App Service writes `Code` and `Message`, Fabric `errorCode`, the others `error.code` and `error.message`. */
function jsonError(body: unknown): ErrorParts {
  if (typeof body !== 'object' || body === null) return {};
  const fields = new Map(Object.entries(body).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  const inner = fields.get('error');
  if (typeof inner === 'object' && inner !== null) return jsonError(inner);
  const text = (name: string): string | undefined => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  return { code: text('code') ?? text('errorcode'), message: text('message') };
}

function xmlError(text: string): ErrorParts {
  return {
    code: /<Code>([^<]*)</.exec(text)?.[1],
    message: /<Message>([^<\n]*)/.exec(text)?.[1],
  };
}

function reasonOf(error: Error): string {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.name;
}
