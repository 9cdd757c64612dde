import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 60_000;
const MAX_ATTEMPTS = 6;
const MAX_WAIT_MS = 30_000;

/** Something that the person who deploys must know or do; shown without a stack. */
export class HookError extends Error {
  override readonly name = 'HookError';
}

/** An answer that is neither a success nor expected. */
export class RestError extends HookError {
  constructor(
    readonly status: number,
    method: string,
    url: URL,
    detail: string,
  ) {
    super(`${method} ${url.host}${url.pathname} answered ${status}${detail === '' ? '' : `: ${detail}`}`);
  }
}

export interface RestRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  /** What it reads changes nothing, although it is no GET: sent in a what-if too. */
  reads?: boolean;
  /** For a what-if: what would be done, in words. */
  what?: string;
  /** This status is an answer, not an error: undefined is returned for it. */
  absentOn?: number;
}

export type Rest = (url: string, request?: RestRequest) => Promise<unknown>;

export interface RestOptions {
  /** bearer token for a URL; empty for none */
  token: (url: string) => Promise<string>;
  /** nothing is changed; what would be is told to `log` */
  whatIf: boolean;
  log: (line: string) => void;
  /** wait before a request is repeated, at first */
  retryMs: number;
}

/**
 * The one way out of the hooks. Throttling, 5xx and lost connections are tried again, as long as Retry-After says.
 *
 * @returns a function that gives the JSON of an answer; undefined where there is none
 */
export function createRest({ token, whatIf, log, retryMs }: RestOptions): Rest {
  return async (
    address,
    { method = 'GET', body, headers = {}, reads = method === 'GET', what, absentOn } = {},
  ) => {
    if (whatIf && !reads) {
      log(`would ${what ?? `${method} ${address}`}`);
      return undefined;
    }
    const url = new URL(address);
    const bearer = await token(address);
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(url, {
        method,
        headers: {
          ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch((error: unknown) => error as Error);
      if (!(answer instanceof Error)) {
        const text = await answer.text();
        if (answer.ok) return parse(text);
        if (answer.status === absentOn) return undefined;
        const passing = answer.status === 429 || answer.status >= 500;
        if (!passing || attempt === MAX_ATTEMPTS) {
          throw new RestError(answer.status, method, url, messageOf(text));
        }
      } else if (attempt === MAX_ATTEMPTS) {
        throw new HookError(`${url.host} cannot be reached (${reasonOf(answer)})`);
      }
      const asked = answer instanceof Error ? 0 : Number(answer.headers.get('retry-after') ?? 0) * 1000;
      await delay(Math.min(asked > 0 ? asked : retryMs * 2 ** (attempt - 1), MAX_WAIT_MS));
    }
  };
}

/** Storage lists in XML: what is not JSON comes as text. */
function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The sentence in an error of Azure, Power BI or Fabric. */
function messageOf(text: string): string {
  const body = parse(text) as
    { error?: { code?: string; message?: string }; message?: string } | string | undefined;
  if (typeof body !== 'object') return '';
  return body.error?.message ?? body.error?.code ?? body.message ?? '';
}

function reasonOf(error: Error): string {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.name;
}
