import type { Device } from './api';
import { type Message, sizeOf } from './message';
import { withTimeout } from './timeout';

/**
 * Browsers allow 64 KB for all concurrent beacons and keepalive requests together. The device id and key use some of
 * this limit.
 */
const MAX_BATCH_BYTES = 60_000;
const MAX_KEEPALIVE_BYTES = 64_000;
const RESPONSE_MS = 30_000;
/** Upper limit for `Retry-After`, so that a faulty server or a wrong clock cannot stop a page for days. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Codes of the app for a body that it cannot read. Sending such a body again cannot succeed. */
const UNREADABLE_BODY = /^(invalid_(json|request)|body_too_large)$/;

const STATUSES: readonly string[] = ['accepted', 'rejected', 'retry'];

/** The app's result for one message. */
export interface Result {
  status: 'accepted' | 'rejected' | 'retry';
  code: string;
}

/** The outcome of a request. */
export interface Outcome {
  /** The app's results by message id. A message without a result is sent again, regardless of the HTTP status. */
  results: Map<string, Result>;
  /** for the messages without a result: the code of the reason */
  code: string;
  /** the reason in words */
  cause: string;
  /** HTTP status; 0 without a response */
  status: number;
  /** milliseconds to wait, from `Retry-After`; 0 if it is absent */
  retryAfterMs: number;
  /** The next attempt need not wait, because its request differs from this one. */
  retryAtOnce: boolean;
}

/** Returns as many of the first messages as fit into one request, but at least one. */
export function firstBatch(messages: readonly Message[], limit: number): Message[] {
  let bytes = 0;
  return messages.filter(({ json }, at) => {
    bytes += sizeOf(json) + 1;
    return at === 0 || (at < limit && bytes <= MAX_BATCH_BYTES);
  });
}

/** A request body: `{"deviceId", "deviceKey", "messages": […]}`. */
export function batchBody({ deviceId, deviceKey }: Device, batch: readonly Message[]): string {
  const sender = JSON.stringify({ deviceId, deviceKey });
  return `${sender.slice(0, -1)},"messages":[${batch.map(({ json }) => json).join()}]}`;
}

export function noResponse(code: string, error: unknown): Outcome {
  return { results: new Map(), code, cause: textOf(error), status: 0, retryAfterMs: 0, retryAtOnce: false };
}

/** The text of anything that was thrown. */
function textOf(error: unknown): string {
  try {
    const text = String(error);
    return text === '[object Object]' ? JSON.stringify(error) : text;
  } catch {
    return typeof error;
  }
}

/** @param survives whether the request continues when the page closes (keepalive). Never rejects. */
export async function postBatch(
  endpoint: string,
  device: Device,
  batch: readonly Message[],
  survives: boolean,
): Promise<Outcome> {
  const body = batchBody(device, batch);
  const abort = new AbortController();
  // Async, because a `fetch` that another script replaced or removed may throw.
  const request = async (init: RequestInit): Promise<Response> =>
    fetch(`${endpoint}/messages`, { credentials: 'omit', signal: abort.signal, ...init });
  const post = async (): Promise<Outcome> => {
    const response = await request({
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      keepalive: survives && sizeOf(body) <= MAX_KEEPALIVE_BYTES,
    });
    return readOutcome(response, await response.json().catch(() => undefined), batch);
  };
  try {
    return await withTimeout(post(), RESPONSE_MS);
  } catch (error) {
    // Checks whether no server responds, or whether the browser blocks its responses (CORS).
    const isThere =
      error instanceof TypeError &&
      (await withTimeout(request({ method: 'HEAD', mode: 'no-cors' }), RESPONSE_MS).catch(() => false));
    return isThere
      ? noResponse('unreachable_cors', 'Check endpoint, CORS')
      : noResponse('unreachable', error);
  } finally {
    abort.abort(); // cancels a request that has not completed
  }
}

function readOutcome({ status, ok, headers }: Response, body: unknown, batch: readonly Message[]): Outcome {
  const { results: list, code } = (body ?? {}) as { results?: unknown; code?: unknown };
  const results = readResults(list);
  // Problem details are JSON or XML, and the body has been read as JSON.
  const hasCode =
    typeof code === 'string' && /^application.problem/.test(String(headers.get('Content-Type')));
  const retryAtOnce = hasCode && results.size === 0 && UNREADABLE_BODY.test(code);
  // The next batches are smaller. If the message was sent alone, it is rejected.
  const [first] = batch;
  if (retryAtOnce && first && batch.length === 1) results.set(first.id, { status: 'rejected', code });
  return {
    results,
    code: hasCode ? code : ok ? 'no_result' : `http_${status}`,
    cause: `HTTP ${status}`,
    status,
    retryAfterMs: readRetryAfter(String(headers.get('Retry-After'))),
    retryAtOnce,
  };
}

/** Returns only well-formed results that name a message by its id: `[{"messageId", "status", "code"?}]`. */
function readResults(list: unknown): Map<string, Result> {
  const results = new Map<string, Result>();
  for (const entry of Array.isArray(list) ? (list as unknown[]) : []) {
    const { messageId, status, code } = (entry ?? {}) as Result & { messageId: string };
    if (!STATUSES.includes(status)) continue;
    // Two results for one message may contradict each other.
    const isOnly = !results.has(messageId);
    results.set(messageId, { status: isOnly ? status : 'retry', code: typeof code === 'string' ? code : '' });
  }
  return results;
}

/** Seconds or a date (RFC 9110) to milliseconds from now, at most an hour; 0 if it is neither. */
function readRetryAfter(value: string): number {
  const ms = Number(value) * 1_000 || Date.parse(value) - Date.now() || 0;
  return Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}
