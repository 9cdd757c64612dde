/** Bounds how many events are processed or wait at once. */

import { type HubEvent, charactersOf } from '../event';

/** The characters are those of all texts of the events, so that application properties count like bodies. */
export interface Amount {
  events: number;
  characters: number;
}

/** The number of events, counted from the first one, that stay within the limits; at least one. */
export function howMany(events: readonly HubEvent[], { events: most, characters }: Amount): number {
  let left = characters;
  const end = events.findIndex((event, i) => i >= most || ((left -= charactersOf(event)) < 0 && i > 0));
  return end === -1 ? events.length : end;
}
