/**
 * Server-sent events of one URL for all tabs of a browser. Browsers open six HTTP/1.1 connections to an origin: with a
 * stream in each tab, the seventh tab would not load. So one visible tab holds the stream and passes the events to the
 * others, and a hidden tab holds none.
 */

export interface StreamHandlers {
  /** Discards all events. The latest ones are sent again. */
  onReset: () => void;
  onData: (data: string) => void;
  /** @param retryAt without a connection: when the next attempt begins, ms since 1970 */
  onConnected: (connected: boolean, retryAt: number) => void;
}

/** The pause before the first new attempt. It doubles after each failure, up to the longest. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 16_000;

/** Messages between tabs. A message with `to` is for one tab. A tab that becomes visible sends `hello`. */
type TabMessage =
  | { hello: number }
  | { to?: number; latest: readonly string[]; connected: boolean; retryAt: number }
  | { data: string }
  | { connected: boolean; retryAt: number };

/**
 * Follows a stream while this tab is visible.
 *
 * @param eventName of the server-sent events, `message` if they have none
 * @param kept number of latest events that a tab gets when it joins
 * @returns what ends it
 */
export function followStream(
  url: string,
  eventName: string,
  kept: number,
  { onReset, onData, onConnected }: StreamHandlers,
): () => void {
  const { locks } = navigator as Partial<Navigator>;
  const channel = locks && 'BroadcastChannel' in window ? new BroadcastChannel(url) : undefined;
  const id = Math.random();
  const latest: string[] = [];
  let isHolder = false;
  let isConnected = false;
  let retryAt = 0;
  let stop: (() => void) | undefined;

  const show = (message: TabMessage): void => {
    if ('latest' in message) {
      onReset();
      message.latest.forEach(onData);
    }
    if ('connected' in message) onConnected(message.connected, message.retryAt);
    if ('data' in message) onData(message.data);
  };
  const share = (message: TabMessage): void => {
    show(message);
    channel?.postMessage(message);
  };

  const hold = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      let source: EventSource;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let pauseMs = FIRST_RETRY_MS;
      const connect = (): void => {
        source = new EventSource(url);
        source.onopen = () => {
          pauseMs = FIRST_RETRY_MS;
          latest.length = 0;
          isConnected = true;
          share({ latest, connected: true, retryAt }); // the server sends the latest events once more
        };
        // EventSource's own reconnects cannot be observed, and it does not reconnect after a response such as 503.
        source.onerror = () => {
          source.close();
          isConnected = false;
          retryAt = Date.now() + pauseMs;
          timer = setTimeout(connect, pauseMs);
          pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS);
          share({ connected: false, retryAt });
        };
        source.addEventListener(eventName, ({ data }: MessageEvent<string>) => {
          latest.push(data);
          latest.splice(0, latest.length - kept);
          share({ data });
        });
      };
      isHolder = true;
      connect();
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        source.close();
        isHolder = false;
        resolve();
      });
    });

  const start = (): void => {
    const stopping = new AbortController();
    stop = () => {
      stop = undefined;
      stopping.abort();
    };
    const { signal } = stopping;
    if (!locks || !channel) {
      void hold(signal);
      return;
    }
    channel.postMessage({ hello: id });
    locks
      .request(`stream ${url}`, { signal }, () => (signal.aborted ? undefined : hold(signal)))
      .catch(() => undefined); // stopped while it waited
  };
  const update = (): void => {
    if (document.hidden) stop?.();
    else if (!stop) start();
  };

  if (channel) {
    channel.onmessage = ({ data: message }: MessageEvent<TabMessage>) => {
      if (!stop) return;
      if ('hello' in message) {
        if (isHolder) channel.postMessage({ to: message.hello, latest, connected: isConnected, retryAt });
      } else if (!('to' in message) || message.to === id) show(message);
    };
  }
  const leave = (): void => stop?.();
  document.addEventListener('visibilitychange', update);
  addEventListener('pagehide', leave);
  addEventListener('pageshow', update);
  update();
  return () => {
    document.removeEventListener('visibilitychange', update);
    removeEventListener('pagehide', leave);
    removeEventListener('pageshow', update);
    stop?.();
    channel?.close();
  };
}
