/**
 * Shares the server-sent events of one URL among all tabs of a browser. Browsers open six HTTP/1.1 connections to an
 * origin: with a stream in each tab, the seventh tab would not load. So one visible tab opens the stream and forwards
 * the events to the others. A hidden tab opens none.
 */

export interface StreamHandlers {
  /** Everything shown so far is outdated. The latest events follow. */
  onReset: () => void;
  onData: (data: string) => void;
  onConnected: (connected: boolean) => void;
}

/** Messages between tabs; with `to`, for one tab. A tab that becomes visible sends `hello`. */
type TabMessage =
  | { hello: number }
  | { to?: number; latest: readonly string[]; connected: boolean }
  | { data: string }
  | { connected: boolean };

/**
 * Follows a stream while this tab is visible.
 *
 * @param eventName of the server-sent events, `message` if they have none
 * @param kept number of latest events that a tab gets when it joins
 */
export function followStream(
  url: string,
  eventName: string,
  kept: number,
  { onReset, onData, onConnected }: StreamHandlers,
): void {
  const { locks } = navigator as Partial<Navigator>;
  const channel = locks && 'BroadcastChannel' in window ? new BroadcastChannel(url) : undefined;
  const id = Math.random();
  const latest: string[] = [];
  let isHolder = false;
  let isConnected = false;
  let stop: (() => void) | undefined;

  const show = (message: TabMessage): void => {
    if ('latest' in message) {
      onReset();
      message.latest.forEach(onData);
    }
    if ('connected' in message) onConnected(message.connected);
    if ('data' in message) onData(message.data);
  };
  const share = (message: TabMessage): void => {
    show(message);
    channel?.postMessage(message);
  };

  const hold = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const source = new EventSource(url);
      isHolder = true;
      source.onopen = () => {
        latest.length = 0;
        isConnected = true;
        share({ latest, connected: true }); // the server sends the latest events once more
      };
      source.onerror = () => {
        isConnected = false;
        share({ connected: false });
      };
      source.addEventListener(eventName, ({ data }: MessageEvent<string>) => {
        latest.push(data);
        latest.splice(0, latest.length - kept);
        share({ data });
      });
      signal.addEventListener('abort', () => {
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
      .catch(() => undefined); // stopped while waiting for the lock
  };
  const update = (): void => {
    if (document.hidden) stop?.();
    else if (!stop) start();
  };

  if (channel) {
    channel.onmessage = ({ data: message }: MessageEvent<TabMessage>) => {
      if (!stop) return;
      if ('hello' in message) {
        if (isHolder) channel.postMessage({ to: message.hello, latest, connected: isConnected });
      } else if (!('to' in message) || message.to === id) show(message);
    };
  }
  document.addEventListener('visibilitychange', update);
  addEventListener('pagehide', () => stop?.());
  addEventListener('pageshow', update);
  update();
}
