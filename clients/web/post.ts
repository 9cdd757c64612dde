import type { Device } from './hubfront';
import type { Queued } from './queue';

/** The browser grants 64 KB to all beacons and keepalive requests under way together. */
const MAX_BATCH_BYTES = 60_000;
const MAX_BATCH_MESSAGES = 100;
const TIMEOUT_MS = 30_000;
/** The request's own fault, which sending it again does not mend. */
const FINAL = [400, 401, 413, 415];

export type Verdict = 'accepted' | 'rejected' | 'retry';

/** What became of a batch: a verdict on each message, in their order. */
export interface Outcome {
  verdicts: { verdict: Verdict; code: string }[];
  /** what the server asks to wait; 0 where it does not */
  retryAfterMs: number;
  /** the whole request was refused, for what may be the fault of one message */
  undivided: boolean;
}

/** As many of the first messages as one request takes, and one at least. */
export function firstBatch(messages: readonly Queued[], limit = MAX_BATCH_MESSAGES): Queued[] {
  let bytes = 0;
  const end = messages.findIndex(({ json }, at) => {
    bytes += sizeOf(json) + 1;
    return at > 0 && (at >= limit || bytes > MAX_BATCH_BYTES);
  });
  return messages.slice(0, end === -1 ? messages.length : end);
}

export function batchBody({ deviceId, deviceKey }: Device, batch: readonly Queued[]): string {
  const sender = JSON.stringify({ deviceId, deviceKey });
  return `${sender.slice(0, -1)},"messages":[${batch.map(({ json }) => json).join()}]}`;
}

/** The outcome where there was no answer. */
export function unanswered(batch: readonly Queued[], code: string): Outcome {
  return { verdicts: batch.map(() => ({ verdict: 'retry', code })), retryAfterMs: 0, undivided: false };
}

/** Never rejects: no answer at all is a verdict too. */
export async function postBatch(url: string, device: Device, batch: readonly Queued[]): Promise<Outcome> {
  const body = batchBody(device, batch);
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, TIMEOUT_MS);
  const all = (verdict: Verdict, code: string) => batch.map(() => ({ verdict, code }));
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      // A page that goes away does not take the request with it.
      keepalive: sizeOf(body) <= MAX_BATCH_BYTES + 1_000,
      credentials: 'omit',
      signal: abort.signal,
    });
    const { results, code = `http_${answer.status}` } = (await answer.json().catch(() => ({}))) as {
      results?: { status: Verdict; code?: string }[];
      code?: string;
    };
    const verdicts =
      results?.length === batch.length
        ? results.map((result) => ({ verdict: result.status, code: result.code ?? '' }))
        : all(answer.ok ? 'accepted' : FINAL.includes(answer.status) ? 'rejected' : 'retry', code);
    const retryAfterMs = Number(answer.headers.get('Retry-After')) * 1_000 || 0;
    return { verdicts, retryAfterMs, undivided: !results && [400, 413].includes(answer.status) };
  } catch {
    return unanswered(batch, 'unreachable');
  } finally {
    clearTimeout(timer);
  }
}

export function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
