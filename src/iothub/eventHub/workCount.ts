/** Counts the running work of a generation. A retired generation ends with its last work. */
export interface WorkCount {
  readonly isRetired: () => boolean;
  hold: () => () => void;
  retire: () => void;
}

export function createWorkCount(end: () => void): WorkCount {
  let running = 0;
  let retired = false;
  return {
    isRetired: () => retired,
    hold: () => {
      running += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        running -= 1;
        if (retired && running === 0) end();
      };
    },
    retire: () => {
      retired = true;
      if (running === 0) end();
    },
  };
}
