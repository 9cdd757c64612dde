/** The tabs of a page among themselves: one of them sends for all. */
export interface Tabs<Note> {
  isSender: () => boolean;
  /** resolves when it is known whether another tab is the sender */
  ready: Promise<void>;
  /** Tells the other tabs. */
  tell: (note: Note) => void;
}

/**
 * Competes for the lock that makes a tab the sender. A tab that is hidden or goes away hands it on, since browsers slow
 * its timers down; it sends all the same while no other tab is there. Without Web Locks every tab sends.
 */
export function joinTabs<Note>(
  name: string,
  {
    onSender,
    idle,
    onNote,
  }: { onSender: () => void; idle: () => Promise<void>; onNote: (note: Note) => void },
): Tabs<Note> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks || typeof BroadcastChannel === 'undefined') {
    setTimeout(onSender);
    return { isSender: () => true, ready: Promise.resolve(), tell: () => undefined };
  }

  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => {
    onNote(data as Note);
  };
  let release: (() => void) | undefined;
  const hold = (): Promise<void> => {
    const held = new Promise<void>((resolve) => (release = resolve));
    onSender();
    return held;
  };
  const compete = (): void => {
    locks.request(name, hold).catch(() => undefined);
  };
  const ready = new Promise<void>((resolve) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (!lock) compete();
        const held = lock ? hold() : undefined;
        resolve();
        return held;
      })
      .catch(() => {
        resolve();
      });
  });
  const handOn = (): void => {
    if (!release) return;
    void idle().then(release).then(compete);
    release = undefined;
  };
  addEventListener('visibilitychange', () => {
    if (document.hidden) handOn();
  });
  return {
    isSender: () => release !== undefined,
    ready,
    tell: (note) => {
      channel.postMessage(note);
    },
  };
}
