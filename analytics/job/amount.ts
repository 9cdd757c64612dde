/** Bounds how many events are processed or wait at once. */

import { type HubEvent, charactersOf } from '../event';

/** The characters are those of all texts of the events, so that application properties count like bodies. */
export interface Amount {
  events: number;
  characters: number;
}

/** How many of the events, from the first on, are no more than that; at least one. */
export function howMany(events: readonly HubEvent[], { events: most, characters }: Amount): number {
  let left = characters;
  const end = events.findIndex((event, i) => i >= most || ((left -= charactersOf(event)) < 0 && i > 0));
  return end === -1 ? events.length : end;
}
