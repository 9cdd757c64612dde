import type { IncomingMessage } from 'node:http';

/** Default limit of the Functions host: 100 MB (`DefaultMaxRequestBodySize`). An app setting can change it. */
const DEFAULT_MAX_BODY_BYTES = 104_857_600;
export const BODY_LIMIT_SETTING = 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT';

/** Kestrel's `MinRequestBodyDataRate`: 240 bytes a second, checked after a grace period of 5 s. */
const MIN_BYTES_PER_SECOND = 240;
const RATE_GRACE_MS = 5_000;
const RATE_CHECK_MS = 1_000;

/** Limit for all buffered bodies together, so that many large ones do not exhaust the memory. */
const MAX_BUFFERED_BYTES = 256 * 1024 * 1024;

/**
 * The maximum body size in bytes from the app's settings. As in Azure, the default applies if the setting is not a
 * whole number.
 */
export function bodyLimitOf(settings: Readonly<Record<string, string>>): number {
  const text = (settings[BODY_LIMIT_SETTING] ?? '').trim();
  return /^\d+$/.test(text) ? Number(text) : DEFAULT_MAX_BODY_BYTES;
}

export type BodyResult =
  | { bytes: Buffer; release: () => void }
  /** too large, too slow, or more than this host can buffer now: the connection is closed after the response */
  | { status: number }
  /** the client disconnected */
  | undefined;

export type ReadBody = (request: IncomingMessage) => Promise<BodyResult>;

/**
 * Creates the reader of request bodies. A body counts as buffered until its `release` is called.
 *
 * @param limit maximum size of a body in bytes; a larger body gets 500, as on the real host, and is not read
 */
export function createBodyReader(limit: number): ReadBody {
  const capacity = Math.max(limit, MAX_BUFFERED_BYTES);
  let buffered = 0;

  return (request) => {
    const length = Number(request.headers['content-length'] ?? 0);
    const isChunked = request.headers['transfer-encoding'] !== undefined;
    if (!isChunked && length > limit) return Promise.resolve({ status: 500 });
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const started = performance.now();
      const finish = (result: BodyResult): void => {
        clearInterval(rateCheck);
        request
          .off('data', take)
          .off('end', succeed)
          .off('close', abort)
          .on('error', () => undefined);
        if (!result || 'status' in result) release();
        resolve(result);
      };
      const release = (): void => {
        buffered -= bytes;
        bytes = 0;
      };
      const take = (chunk: Buffer): void => {
        bytes += chunk.length;
        buffered += chunk.length;
        chunks.push(chunk);
        if (bytes > limit) finish({ status: 500 });
        else if (buffered > capacity) finish({ status: 503 });
      };
      const succeed = (): void => {
        finish({ bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks), release });
      };
      const abort = (): void => {
        finish(undefined);
      };
      const rateCheck = setInterval(() => {
        const elapsed = performance.now() - started;
        if (elapsed > RATE_GRACE_MS && bytes < (elapsed / 1_000) * MIN_BYTES_PER_SECOND)
          finish({ status: 500 });
      }, RATE_CHECK_MS);
      request.on('data', take).on('end', succeed).on('close', abort).on('error', abort);
    });
  };
}
