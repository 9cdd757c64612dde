/** Streams views to pages, with one shared stream per filter in use. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from 'hono';
import { textOf } from '../../analytics/query';
import { type EventStreams, type WebEnvironment, createEventStreams } from '../webServer';
import { type Filter, filterKey } from './filter';
import type { View } from './view';

/** Interval of updates to a page. */
const VIEW_EVERY_MS = 500;
/**
 * Upper limit of the pause between updates. If reading takes long, the pause is twice as long as the reading, so that
 * the query gets CPU time.
 */
const VIEW_WITHIN_MS = 1_000;
/** Maximum number of filters in use, because each of them needs its own reads. */
const MAX_FILTERS = 20;

export interface ViewStreams {
  /** Responds with a stream of the views for a filter, or with 503 if too many filters are in use. */
  open: (context: Context<WebEnvironment>, filter: Filter) => Response;
}

export function createViewStreams(view: (filter: Filter) => Promise<View>): ViewStreams {
  const open = new Map<string, EventStreams>();

  function createStream(key: string, filter: Filter): EventStreams {
    let newest = { position: 0, text: '' };
    let active = false;
    let refreshing = false;
    let problem = '';
    const streams = createEventStreams((after) => (newest.position > after ? newest : undefined), {
      onActive: (isActive) => {
        active = isActive;
        if (active) open.set(key, streams);
        else open.delete(key);
        void refresh();
      },
    });
    /** Reads views as long as a page is open. */
    async function refresh(): Promise<void> {
      if (refreshing) return;
      refreshing = true;
      while (active) {
        const start = performance.now();
        await readView();
        const took = performance.now() - start;
        await delay(Math.max(VIEW_EVERY_MS, Math.min(2 * took, VIEW_WITHIN_MS)));
      }
      refreshing = false;
    }
    async function readView(): Promise<void> {
      try {
        const text = `event: view\ndata: ${JSON.stringify(await view(filter))}\n\n`;
        newest = { position: newest.position + 1, text };
        problem = '';
        streams.notify();
      } catch (error) {
        // The next attempt reads again. The page shows that its figures are stale.
        const message = textOf(error);
        if (active && message !== problem)
          console.error(`dashboard: the results could not be read: ${message}`);
        problem = message;
      }
    }
    return streams;
  }

  return {
    open: (context, filter) => {
      const key = filterKey(filter);
      const known = open.get(key);
      if (!known && open.size >= MAX_FILTERS) return context.text('Too many filters are open', 503);
      return (known ?? createStream(key, filter)).open(context, '\n');
    },
  };
}
