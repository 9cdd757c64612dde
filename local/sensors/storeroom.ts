/** Simulates a storeroom: its temperature, and the door that people open now and then. */

import type { Store } from './stores';

/** How long the door stays closed, and open, in ms. */
const CLOSED_MS = [20_000, 60_000] as const;
const OPEN_MS = [4_000, 12_000] as const;
/** Temperature outside, to which an open door leads, in °C. */
const OUTSIDE_CELSIUS = 27;
/** The share of the difference that the temperature changes by in one second. */
const CHANGE_PER_SECOND = { open: 0.02, closed: 0.005 } as const;
/** Range of the noise of a measurement, in °C. */
const NOISE_CELSIUS = 0.2;

export type Door = 'open' | 'closed';

export interface Storeroom {
  door(): Door;
  /** Measures the temperature, in °C with one decimal. */
  measure(): number;
  /** Opens or closes the door. Has no effect if it is so already. */
  setDoor(door: Door): void;
  close(): void;
}

/** @param onDoor called when the door has been opened or closed */
export function createStoreroom({ usualCelsius }: Store, onDoor: (door: Door) => void): Storeroom {
  let door: Door = 'closed';
  let celsius = usualCelsius;
  let changedAt = performance.now();
  let next: NodeJS.Timeout | undefined;

  /** Moves the temperature to that of now. */
  const settle = (): void => {
    const now = performance.now();
    const seconds = (now - changedAt) / 1_000;
    changedAt = now;
    const target = door === 'open' ? OUTSIDE_CELSIUS : usualCelsius;
    celsius = target + (celsius - target) * (1 - CHANGE_PER_SECOND[door]) ** seconds;
  };
  const setDoor = (wanted: Door): void => {
    if (wanted === door) return;
    settle();
    door = wanted;
    schedule();
    onDoor(door);
  };
  function schedule(): void {
    clearTimeout(next);
    const [least, most] = door === 'open' ? OPEN_MS : CLOSED_MS;
    const other = door === 'open' ? 'closed' : 'open';
    next = setTimeout(() => setDoor(other), least + Math.random() * (most - least));
  }
  schedule();

  return {
    door: () => door,
    measure: () => {
      settle();
      return Math.round(10 * (celsius + (Math.random() - 0.5) * NOISE_CELSIUS)) / 10;
    },
    setDoor,
    close: () => clearTimeout(next),
  };
}
