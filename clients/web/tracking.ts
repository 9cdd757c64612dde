/** Page views, sessions and campaigns: data that analysts expect in addition to the events of a page. */

import type { Hubfront, TrackOptions } from './api';
import { createSessions } from './session';

export interface TrackingOptions {
  /** Sends `page_view` for each page: at the start, and when the history changes to another path or query. */
  pageViews?: boolean | undefined;
  /** Adds `session_id` to each event. A session ends after 30 minutes without an event. */
  sessions?: boolean | undefined;
  /** Adds the source of the visit to each event of the session: `page_referrer` and the `utm_…` parameters. */
  campaigns?: boolean | undefined;
  /** Called with each event before it is queued. Its result is sent instead. Without a result, nothing is sent. */
  beforeSend?: ((event: unknown) => unknown) | undefined;
  /** Writes each event and its results to the console. */
  debug?: boolean | undefined;
}

export interface Tracking {
  /** Like `Hubfront.track`. Fields of the event take precedence over those that tracking adds. */
  track: (event: unknown, options?: TrackOptions) => string | undefined;
  /** Adds `user_id` to each event from now on, also after a reload. Without an argument, the id is removed. */
  identify: (userId?: string) => void;
  /** Ends page views and debug output. */
  stop: () => void;
}

/**
 * Adds data that analysts expect to the events of a page. Each kind of data has its own option. Nothing is stored
 * without the visitor's consent.
 *
 * @example
 * const tracking = startTracking(hubfront, { pageViews: true, sessions: true, campaigns: true });
 * tracking.track({ event: 'browse_product', product_id: 162 });
 */
export function startTracking(hubfront: Hubfront, options: TrackingOptions = {}): Tracking {
  const { pageViews, campaigns, beforeSend, debug } = options;
  if (typeof document === 'undefined') {
    return { track: hubfront.track, identify: () => undefined, stop: () => undefined };
  }
  const sessions = createSessions();
  const stops: (() => void)[] = [];
  const log = (...what: unknown[]): void => {
    if (debug) console.log('hubfront:', ...what);
  };

  const track: Tracking['track'] = (event, trackOptions) => {
    if (!hubfront.consent) {
      sessions.forget();
      log('not tracked: no consent', event);
      return undefined;
    }
    let sent = event;
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) {
      const { id, source, user } = sessions.touch();
      sent = {
        ...(options.sessions && { session_id: id }),
        ...(campaigns && source),
        ...(user !== undefined && { user_id: user }),
        ...event,
      };
    }
    try {
      if (beforeSend) sent = beforeSend(sent);
    } catch (error) {
      console.error('hubfront: beforeSend failed, so the event was not sent', error);
      return undefined;
    }
    if (sent === undefined || sent === null) {
      log('dropped by beforeSend', event);
      return undefined;
    }
    const id = hubfront.track(sent, trackOptions);
    log('queued', id, sent);
    return id;
  };

  if (debug) {
    for (const name of ['sent', 'retry', 'rejected'] as const)
      stops.push(
        hubfront.on(name, (report) => {
          log(name, report.messageId, report);
        }),
      );
  }
  if (pageViews) {
    stops.push(
      watchPages(() => {
        track({ event: 'page_view', page_location: location.href, page_title: document.title });
      }),
    );
  }
  return {
    track,
    identify: (userId) => {
      if (hubfront.consent) sessions.identify(userId);
    },
    stop: () => {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

/** Calls `onPage` for the current page and for each later one. @returns a function that stops the calls */
function watchPages(onPage: () => void): () => void {
  const pageOf = (): string => location.origin + location.pathname + location.search;
  let page = '';
  const look = (): void => {
    if (pageOf() === page) return;
    page = pageOf();
    onPage();
  };
  // Runs after the application's own code, which sets the title.
  const soon = (): void => void setTimeout(look);
  const { pushState, replaceState } = history;
  history.pushState = (...values) => {
    pushState.apply(history, values);
    soon();
  };
  history.replaceState = (...values) => {
    replaceState.apply(history, values);
    soon();
  };
  const restored = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) onPage();
  };
  addEventListener('popstate', soon);
  addEventListener('pageshow', restored);
  soon();
  return () => {
    Object.assign(history, { pushState, replaceState });
    removeEventListener('popstate', soon);
    removeEventListener('pageshow', restored);
  };
}
