/** Bounds how many events are processed or wait at once. */

import type { ReadEvent } from './hubReader';

/** The characters are those of the bodies. */
export interface Amount {
  events: number;
  characters: number;
}

/** How many of the events, from the first on, are no more than that; at least one. */
export function howMany(events: readonly ReadEvent[], { events: most, characters }: Amount): number {
  let left = characters;
  const end = events.findIndex(({ body }, i) => i >= most || ((left -= body.length) < 0 && i > 0));
  return end === -1 ? events.length : end;
}
