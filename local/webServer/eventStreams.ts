import type { Context } from 'hono';
import type { WebEnvironment } from './webServer';

/**
 * Maximum number of open streams. A browser opens up to six streams to an origin, and there may be several browsers.
 */
const MAX_STREAMS = 100;
/** Interval of comments on an idle stream, because proxies and browsers close silent streams. */
const HEARTBEAT_MS = 15_000;
/** A reader that reads nothing for this long is disconnected. Browsers reconnect automatically. */
const STUCK_MS = 30_000;

/** The next events for a reader. */
export interface NextEvents {
  /** position of the newest event in `text`; the reader continues after it */
  position: number;
  /** server-sent events, each with its trailing empty line */
  text: string;
}

/** Server-sent events for many readers. The server buffers nothing for a reader that does not read. */
export interface EventStreams {
  /** Responds with a stream, or with 503 if there are too many. @param greeting the first text of the stream */
  open: (context: Context<WebEnvironment>, greeting: string) => Response;
  /** Sends new events to waiting readers. */
  notify: () => void;
}

interface EventStreamOptions {
  /** called when the first stream opens, and when the last one has closed */
  onActive?: (active: boolean) => void;
  maxStreams?: number;
  stuckMs?: number;
}

/**
 * Readers pull: each gets the next events after it has read the previous ones. So a slow reader skips events that have
 * been replaced or dropped, and the memory for readers does not depend on their speed.
 *
 * @param next the events after a position (at first 0), or undefined if there are none yet
 */
export function createEventStreams(
  next: (after: number) => NextEvents | undefined,
  { onActive = () => undefined, maxStreams = MAX_STREAMS, stuckMs = STUCK_MS }: EventStreamOptions = {},
): EventStreams {
  const waiting = new Set<() => void>();
  let open = 0;

  /** Resolves when there may be new events, or with `heartbeat` if there were none for a while. */
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
  // Disables buffering: otherwise the adapter would delay the first events.
  'Transfer-Encoding': 'chunked',
};
