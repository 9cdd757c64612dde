import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_S = 20;
const RETRY_MS = 1_000;
/** Shown to a page that opens later. */
const KEPT_MESSAGES = 30;

interface FeedAnswer {
  messages: object[];
  next_offset: string;
  has_more: boolean;
}

/** The feed as a worker sees it, handed on to pages as server-sent events. */
export interface LiveFeed {
  /** Answers with an event stream: the latest messages, then each as it comes. */
  subscribe: (response: ServerResponse) => void;
  close: () => void;
}

/** @param url where the feed is, now; it is read only while a page looks */
export function createLiveFeed(url: () => string, functionKey: string): LiveFeed {
  const pages = new Set<ServerResponse>();
  const latest: object[] = [];
  let cursor = '0';
  let reading: AbortController | undefined;

  const poll = async (signal: AbortSignal): Promise<void> => {
    const answer = await fetch(`${url()}?wait=${WAIT_S}&limit=1000&after_offset=${cursor}`, {
      headers: { 'X-Functions-Key': functionKey },
      signal,
    });
    if (!answer.ok) throw new Error(`The feed answered ${answer.status}`);
    const { messages, next_offset: next } = (await answer.json()) as FeedAnswer;
    cursor = next;
    latest.push(...messages);
    latest.splice(0, latest.length - KEPT_MESSAGES);
    for (const message of messages.slice(-KEPT_MESSAGES)) for (const page of pages) write(page, message);
  };

  const read = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) await poll(signal).catch(() => delay(RETRY_MS, undefined, { signal }));
  };

  return {
    subscribe: (response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(': the feed\n\n'); // so that the page knows at once that it is connected
      for (const message of latest) write(response, message);
      pages.add(response);
      response.once('close', () => {
        pages.delete(response);
        if (pages.size > 0) return;
        reading?.abort();
        reading = undefined;
      });
      if (reading) return;
      reading = new AbortController();
      read(reading.signal).catch(() => undefined);
    },
    close: () => {
      reading?.abort();
      for (const page of pages) page.end();
    },
  };
}

function write(page: ServerResponse, message: object): void {
  page.write(`data: ${JSON.stringify(message)}\n\n`);
}
