/** Polls the message feed for the live panel of the shop. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from 'hono';
import { type WebEnvironment, createEventStreams } from '../webServer';

const WAIT_S = 20;
const RETRY_MS = 1_000;
/** Time that a poll may take in addition to its wait. */
const TIMEOUT_MS = 30_000;
/** Number of messages that are kept for pages that open later. */
const KEPT_MESSAGES = 30;

interface FeedPage {
  messages: object[];
  next_offset: string;
}

/** The feed as a worker sees it, forwarded to pages as server-sent events. */
export interface LiveFeed {
  /** Opens an event stream: the latest messages, then each message as it arrives. */
  open: (context: Context<WebEnvironment>) => Response;
  close: () => void;
}

/**
 * Polls the feed while a page is open. A slow page skips messages that are no longer among the latest.
 *
 * @param url URL of the feed, read before each poll
 */
export function createLiveFeed(url: () => string, functionKey: string): LiveFeed {
  const latest: { position: number; text: string }[] = [];
  let received = 0;
  let cursor = '0';
  let reading: AbortController | undefined;

  const streams = createEventStreams((after) => latest.find(({ position }) => position > after), {
    onActive: (active) => {
      reading?.abort();
      reading = active ? new AbortController() : undefined;
      if (reading) read(reading.signal).catch(() => undefined);
    },
  });

  const poll = async (signal: AbortSignal): Promise<void> => {
    const response = await fetch(`${url()}?wait=${WAIT_S}&limit=1000&after_offset=${cursor}`, {
      headers: { 'X-Functions-Key': functionKey },
      signal: AbortSignal.any([signal, AbortSignal.timeout(WAIT_S * 1_000 + TIMEOUT_MS)]),
    });
    if (!response.ok) throw new Error(`The feed responded with ${response.status}`);
    const { messages, next_offset: next } = (await response.json()) as FeedPage;
    cursor = next;
    received += messages.length;
    const newest = messages.slice(-KEPT_MESSAGES);
    for (const [i, message] of newest.entries()) {
      const position = received - newest.length + i + 1;
      latest.push({ position, text: `data: ${JSON.stringify(message)}\n\n` });
    }
    latest.splice(0, latest.length - KEPT_MESSAGES);
    streams.notify();
  };

  const read = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) await poll(signal).catch(() => delay(RETRY_MS, undefined, { signal }));
  };

  return {
    // Sent immediately, so that the page can show that it is connected.
    open: (context) => streams.open(context, ': the feed\n\n'),
    close: () => reading?.abort(),
  };
}
