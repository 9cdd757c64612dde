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

/** Events that wait for the query, in order. Adding events takes the same time however many wait. */
export interface Queue<Event> {
  add: (events: readonly Event[]) => void;
  /** Removes the first events, as many as stay within the limits; at least one, if there is one. */
  take: (limit: Amount) => Event[];
  /** whether more events wait than stay within the limits */
  exceeds: (limit: Amount) => boolean;
  isEmpty: () => boolean;
  clear: () => void;
}

export function createQueue<Event extends HubEvent>(): Queue<Event> {
  let waiting: Event[] = [];
  let characters = 0;
  const sizeOf = (events: readonly Event[]): number =>
    events.reduce((sum, event) => sum + charactersOf(event), 0);
  return {
    add: (events) => {
      for (const event of events) waiting.push(event);
      characters += sizeOf(events);
    },
    take: (limit) => {
      const taken = waiting.slice(0, howMany(waiting, limit));
      waiting = waiting.slice(taken.length);
      characters -= sizeOf(taken);
      return taken;
    },
    exceeds: (limit) =>
      waiting.length > 1 && (waiting.length > limit.events || characters > limit.characters),
    isEmpty: () => waiting.length === 0,
    clear: () => {
      [waiting, characters] = [[], 0];
    },
  };
}
