import type { Context } from 'hono';
import type { WebEnvironment } from './webServer';

/** Browsers open up to six streams of an origin; each further browser, or a forgotten `curl`, has streams as well. */
const MAX_STREAMS = 100;
/** An idle stream gets a comment, since proxies and browsers give up silent ones. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for this long is disconnected. A browser connects again by itself. */
const STUCK_MS = 30_000;

/** What a reader gets next. */
export interface NextEvents {
  /** of the newest event in `text`; the reader asks for what comes after it */
  position: number;
  /** server-sent events, each with its empty line */
  text: string;
}

/** Server-sent events for any number of readers. The server keeps nothing for a reader that does not read. */
export interface EventStreams {
  /** Responds with a stream, or with 503 when there are too many. @param greeting the first text of the stream */
  open: (context: Context<WebEnvironment>, greeting: string) => Response;
  /** Lets waiting readers have what is new. */
  notify: () => void;
}

interface EventStreamOptions {
  /** called when the first of no streams opens, and when the last one has closed */
  onActive?: (active: boolean) => void;
  maxStreams?: number;
  stuckMs?: number;
}

/**
 * Each reader pulls: it gets the next events when it has taken the ones before. So a slow reader skips what has been
 * replaced or dropped meanwhile, and the memory that readers take does not depend on their speed.
 *
 * @param next the events after a position (at first 0), or undefined if there are none yet
 */
export function createEventStreams(
  next: (after: number) => NextEvents | undefined,
  { onActive = () => undefined, maxStreams = MAX_STREAMS, stuckMs = STUCK_MS }: EventStreamOptions = {},
): EventStreams {
  const waiting = new Set<() => void>();
  let open = 0;

  /** Settles when there may be something new, or with `heartbeat` when there was nothing for a while. */
  const changed = (signal: AbortSignal): Promise<'changed' | 'heartbeat'> =>
    new Promise((resolve) => {
      const settle = (why: 'changed' | 'heartbeat'): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve(why);
      };
      const wake = (): void => {
        settle('changed');
      };
      const timer = setTimeout(() => {
        settle('heartbeat');
      }, HEARTBEAT_MS);
      waiting.add(wake);
      signal.addEventListener('abort', wake);
    });

  function eventStream(greeting: string, disconnect: () => void): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const closed = new AbortController();
    let position = 0;
    let stuck: NodeJS.Timeout | undefined;
    open += 1;
    if (open === 1) onActive(true);
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          controller.enqueue(encoder.encode(greeting));
        },
        pull: async (controller) => {
          clearTimeout(stuck);
          let events = next(position);
          while (!events && !closed.signal.aborted) {
            const why = await changed(closed.signal);
            events = next(position) ?? (why === 'heartbeat' ? { position, text: ': idle\n\n' } : undefined);
          }
          if (!events || closed.signal.aborted) return;
          position = events.position;
          controller.enqueue(encoder.encode(events.text));
          stuck = setTimeout(disconnect, stuckMs);
        },
        cancel: () => {
          clearTimeout(stuck);
          closed.abort();
          open -= 1;
          if (open === 0) onActive(false);
        },
      },
      { highWaterMark: 0 },
    );
  }

  return {
    open: (context, greeting) => {
      const { outgoing } = context.env;
      if (context.req.method === 'HEAD') return new Response(null, { headers: HEADERS });
      if (open >= maxStreams) return context.text('Too many event streams are open', 503);
      const stream = eventStream(greeting, () => {
        outgoing.destroy();
      });
      return context.body(stream, 200, HEADERS);
    },
    notify: () => {
      for (const wake of [...waiting]) wake();
    },
  };
}

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // Written as they come: without this the adapter would hold the first ones back for a moment.
  'Transfer-Encoding': 'chunked',
};
