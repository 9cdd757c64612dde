import * as fc from 'fast-check';

/** Without a bias to the first and last integers, which would repeat a few queries. */
export const seeds: fc.Arbitrary<number> = fc.noShrink(fc.noBias(fc.integer()));

/** Chooses by a seed. */
export interface Choice {
  /** from `from` to `to` */
  whole: (from: number, to: number) => number;
  of: <T>(options: readonly T[]) => T;
  chance: (share: number) => boolean;
}

export function choiceOf(seed: number): Choice {
  let state = seed | 0;
  // Mulberry32.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    whole,
    of: (options) => {
      const found = options[whole(0, options.length - 1)];
      if (found === undefined) throw new Error('no options');
      return found;
    },
    chance: (share) => next() < share,
  };
}
