import type { SuspendDetector } from './suspendDetector';

/** A client that is created on first use, and again after a suspend, because its connections may be stale. */
export interface RecreatableClient<Made> {
  /** Runs work with the client. */
  run: <T>(work: (made: Made) => Promise<T>) => Promise<T>;
  close: () => void;
}

interface Generation<Made> {
  made: Promise<Made>;
  /** number of suspends detected before it was created */
  suspends: number;
  /** number of running tasks */
  running: number;
}

/**
 * After a suspend, connections may be dead without any sign: the peer could not notify a suspended process. A request
 * on a dead connection waits until its timeout. Therefore later work gets a new client with new connections. The
 * previous client is closed as soon as its running work has ended.
 */
export function createRecreatableClient<Made extends { close: () => void }>(
  suspendDetector: SuspendDetector,
  make: () => Promise<Made>,
): RecreatableClient<Made> {
  let current: Generation<Made> | undefined;

  const end = ({ made }: Generation<Made>): void => {
    made.then(
      (part) => {
        part.close();
      },
      () => undefined,
    );
  };
  const usable = (): Generation<Made> => {
    if (current?.suspends === suspendDetector.count()) return current;
    const before = current;
    current = { made: make(), suspends: suspendDetector.count(), running: 0 };
    if (before?.running === 0) end(before);
    return current;
  };

  return {
    run: async (work) => {
      const generation = usable();
      generation.running += 1;
      try {
        return await work(await generation.made);
      } finally {
        generation.running -= 1;
        if (generation !== current && generation.running === 0) end(generation);
      }
    },
    close: () => {
      if (current) end(current);
    },
  };
}
