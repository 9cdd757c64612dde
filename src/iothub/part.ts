import type { Freezes } from './freezes';

/** A part of the client: made when it is first used, and made anew when what it has connected may be dead. */
export interface Part<Made> {
  /** Runs work on it. */
  run: <T>(work: (made: Made) => Promise<T>) => Promise<T>;
  close: () => void;
}

interface Generation<Made> {
  made: Promise<Made>;
  /** how many freezes there had been when it was made */
  freezes: number;
  /** runs under way */
  running: number;
}

/**
 * After a freeze nobody knows which connections still live: whoever cut them could not tell a process that stood still,
 * and a request on a dead one waits for nothing. So the work that comes after it gets a part with connections of its
 * own; the one before is closed as soon as what was under way in it is over.
 */
export function createPart<Made extends { close: () => void }>(
  freezes: Freezes,
  make: () => Promise<Made>,
): Part<Made> {
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
    if (current?.freezes === freezes.count()) return current;
    const before = current;
    current = { made: make(), freezes: freezes.count(), running: 0 };
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
