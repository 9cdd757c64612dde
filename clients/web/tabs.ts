import { withTimeout } from './timeout';

/** A lock manager that does not respond for this long is treated as absent. */
const LOCK_RESPONSE_MS = 1_000;

/** The tabs that share a queue. One of them sends for all. */
export interface Tabs<TabMessage> {
  /** Whether this tab is the one that sends. */
  isSender: () => boolean;
  /** Resolves when this tab knows whether another tab sends. */
  ready: () => Promise<unknown>;
  /** Sends a message to the other tabs. */
  post: (message: TabMessage) => void;
  /** Competes to be the sender, or stops doing so. */
  compete: (wanted: boolean) => void;
  /** Lets another tab be the sender, if there is one. */
  release: () => void;
}

/**
 * The tab that holds a lock (Web Locks) is the sender. Without Web Locks or BroadcastChannel, each tab sends.
 *
 * @param onSender called when this tab becomes the sender
 */
export function joinTabs<TabMessage>(
  name: string,
  onSender: () => void,
  onMessage: (message: TabMessage) => void,
): Tabs<TabMessage> {
  const { locks } = navigator as Partial<Navigator>;
  let channel: BroadcastChannel | undefined;
  let wanted = false;
  let waiting = false;
  let alone = false;
  let unlock: (() => void) | undefined;
  let ready: Promise<unknown> = Promise.resolve();
  let isReady: (() => void) | undefined;

  const expectSender = (): void => {
    if (!isReady) ready = new Promise<void>((resolve) => (isReady = resolve));
  };
  const settle = (): void => {
    isReady?.();
    isReady = undefined;
  };
  const sendAlone = (): void => {
    alone = true;
    settle();
    onSender();
  };
  const request = async (options: LockOptions): Promise<void> => {
    waiting = true;
    try {
      await locks?.request(name, options, (lock) => {
        waiting = alone = false;
        if (!lock) void request({});
        else if (wanted) {
          return new Promise<void>((resolve) => {
            unlock = resolve;
            settle();
            onSender();
          });
        }
        settle();
        return undefined;
      });
      compete(); // The lock has been released.
    } catch {
      sendAlone();
    }
  };
  const release = (): void => {
    if (unlock && wanted) expectSender();
    unlock?.();
    unlock = undefined;
  };
  const compete = (): void => {
    if (!wanted || waiting || unlock) return;
    expectSender();
    if (!locks || !channel) sendAlone();
    else {
      void request({ ifAvailable: true });
      withTimeout(ready, LOCK_RESPONSE_MS).catch(sendAlone);
    }
  };

  try {
    channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => {
      try {
        onMessage(data as TabMessage);
      } catch {
        // from another version of this client
      }
    };
  } catch {
    // this browser has none
  }
  return {
    isSender: () => wanted && (alone || !!unlock),
    ready: () => ready,
    post: (message) => {
      try {
        channel?.postMessage(message);
      } catch {
        // Another script may have replaced the channel. The other tabs then get no reports.
      }
    },
    compete: (now) => {
      wanted = now;
      if (now) compete();
      else release();
    },
    release,
  };
}
