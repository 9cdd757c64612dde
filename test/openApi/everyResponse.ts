// Loaded before each test file: every response of the app that a test fetches is compared with the description of the
// HTTP API, so that neither of them can change alone.
import { afterEach, expect } from 'vitest';

/** Larger pages have the same messages as smaller ones, and checking them takes long. */
const MAX_CHECKED_BYTES = 1_000_000;
const PATHS = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d+\/api(\/devices|\/messages|\/message_feed)$/;

const differences: (string | undefined)[] = [];
let checks: Promise<void>[] = [];
/** The files of a worker share its globals: this one is loaded again for each of them. */
const realFetch = (globalThis.fetch as CheckedFetch).unchecked ?? globalThis.fetch;
interface CheckedFetch {
  (...parameters: Parameters<typeof fetch>): Promise<Response>;
  unchecked?: typeof fetch;
}

const checkedFetch: CheckedFetch = async (input, init) => {
  const response = await realFetch(input, init);
  const { origin, pathname } = new URL(response.url === '' ? 'http://unknown' : response.url);
  const path = PATHS.exec(origin + pathname)?.[1];
  if (path !== undefined && !response.redirected) {
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    checks.push(checkCopy(response.clone(), method.toUpperCase(), path));
  }
  return response;
};
checkedFetch.unchecked = realFetch;
globalThis.fetch = checkedFetch;

async function checkCopy(response: Response, method: string, path: string): Promise<void> {
  try {
    const text = await response.text();
    if (text.length > MAX_CHECKED_BYTES) return;
    const { status, headers } = response;
    const { undocumented } = await import('./responseCheck'); // most test files fetch nothing of the app
    differences.push(
      undocumented({
        method,
        path,
        status,
        contentType: headers.get('content-type'),
        hasRetryAfter: headers.has('retry-after'),
        text,
      }),
    );
  } catch {
    // A body that breaks off is the test's own subject.
  }
}

afterEach(async () => {
  const running = checks;
  checks = [];
  await Promise.all(running);
  const found = differences.splice(0).filter((difference) => difference !== undefined);
  expect([...new Set(found)]).toEqual([]);
});
