import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 60_000;
const MAX_ATTEMPTS = 6;
const MAX_WAIT_MS = 30_000;
/** Publishing a report takes some seconds. */
const MAX_LOOKS = 60;

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
  /** It would make a thing twice, were it sent again after an answer that got lost: repeated only when throttled. */
  creates?: boolean;
  /** 202 names an operation in `Location`, as Fabric does: its end is waited for. */
  operation?: boolean;
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
  /** wait before a request is repeated, at first, and between two looks at an operation */
  retryMs: number;
}

/**
 * The one way out of the hooks. Throttling, 5xx and lost connections are tried again, as long as Retry-After says.
 *
 * @returns a function that gives the JSON of an answer; undefined where there is none
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

  /** @throws {HookError} when the answer is no success, and `absentOn` is not its status */
  async function answerTo(
    address: string,
    request: RestRequest,
  ): Promise<{ headers: Headers; body: unknown } | undefined> {
    const url = new URL(address);
    for (let attempt = 1; ; attempt++) {
      const answer = await send(address, request);
      let waitMs = retryMs * 2 ** (attempt - 1);
      if (answer instanceof Error) {
        if (attempt === MAX_ATTEMPTS || request.creates) {
          throw new HookError(`${url.host} cannot be reached (${reasonOf(answer)})`);
        }
      } else {
        const text = await answer.text();
        if (answer.ok) return { headers: answer.headers, body: parse(text) };
        if (answer.status === request.absentOn) return undefined;
        const passing = answer.status === 429 || (answer.status >= 500 && !request.creates);
        if (!passing || attempt === MAX_ATTEMPTS) {
          throw new RestError(answer.status, request.method ?? 'GET', url, messageOf(parse(text)));
        }
        waitMs = askedFor(answer.headers) ?? waitMs;
      }
      await delay(Math.min(waitMs, MAX_WAIT_MS));
    }
  }

  /** @throws {HookError} when the operation fails, or has not ended in time */
  async function endOf(operation: string, startedBy: Headers): Promise<void> {
    let headers = startedBy;
    for (let look = 0; look < MAX_LOOKS; look++) {
      await delay(Math.min(askedFor(headers) ?? retryMs, MAX_WAIT_MS));
      const answer = await answerTo(operation, {});
      const { status, error } = (answer?.body ?? {}) as { status?: string; error?: ErrorBody };
      if (status === 'Succeeded') return;
      if (status === 'Failed') {
        throw new HookError(
          `${new URL(operation).host} gave up: ${messageOf({ error }) || 'it does not say why'}`,
        );
      }
      headers = answer?.headers ?? headers;
    }
    throw new HookError(`${new URL(operation).host} has not ended what it was asked to do. Try again later.`);
  }

  return async (address, request = {}) => {
    const { method = 'GET', reads = method === 'GET', what } = request;
    if (whatIf && !reads) {
      log(`would ${what ?? `${method} ${address}`}`);
      return undefined;
    }
    const answer = await answerTo(address, request);
    const operation = request.operation ? answer?.headers.get('location') : undefined;
    if (answer && operation) await endOf(new URL(operation, address).href, answer.headers);
    return answer?.body;
  };
}

/** Milliseconds of Retry-After, where it is there as a number. */
function askedFor(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? NaN);
  return seconds >= 0 ? seconds * 1_000 : undefined;
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

interface ErrorBody {
  code?: string;
  errorCode?: string;
  message?: string;
  error?: ErrorBody | undefined;
}

/** The sentence in an error of Azure, Power BI or Fabric. */
function messageOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { error, ...own } = body as ErrorBody;
  const { message, code, errorCode } = error ?? own;
  return message ?? code ?? errorCode ?? '';
}

function reasonOf(error: Error): string {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.name;
}
