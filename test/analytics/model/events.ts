/** Generates the events of a run of the model. */

import * as fc from 'fast-check';
import { PARTITIONS } from '../jobOnFile';
import type { Arrived } from './rows';

/** Times in units of the run. */
interface Message extends Pick<Arrived, 'input'> {
  partition: number;
  /** from the message before */
  gap: number;
  /** `late`: how long its own time is before the arrival; null: it has none */
  elements: { late: number | null; k: string | null; v: number | null }[];
}

const message: fc.Arbitrary<Message> = fc.record({
  input: fc.constantFrom('i' as const, 'i' as const, 'j' as const),
  partition: fc.nat(PARTITIONS.length - 1),
  gap: fc.oneof(
    { weight: 6, arbitrary: fc.nat(2) },
    { weight: 3, arbitrary: fc.nat(8) },
    // Windows end, and little of what is kept is still needed.
    { weight: 1, arbitrary: fc.constantFrom(20, 40) },
  ),
  elements: fc.array(
    fc.record({
      late: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(0, 0, 1) },
        { weight: 8, arbitrary: fc.integer({ min: -2, max: 5 }) },
        { weight: 4, arbitrary: fc.integer({ min: 6, max: 12 }) },
        { weight: 1, arbitrary: fc.constantFrom(-900, null) },
      ),
      k: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom('a', 'b') },
        { weight: 1, arbitrary: fc.constantFrom('c', null) },
      ),
      v: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: -3, max: 9 }) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

/**
 * Own times are up to 12 s late and 2 s early, some far too early or absent. Each run has its own
 * - number of partitions, because windows wait for the slowest one,
 * - unit of time, because whole seconds often meet the edges of windows and tolerances,
 * - longest gap, because events are disordered only where they are dense,
 * - latest event, because late events cover up errors of the tolerances.
 */
export const events: fc.Arbitrary<Arrived[]> = fc
  .record({
    partitions: fc.constantFrom(1, 1, 2, 3),
    unit: fc.constantFrom(0.5, 1),
    longest: fc.constantFrom(2, 8, 40),
    latest: fc.constantFrom(0, 3, 5, 12),
    // Otherwise most arrays would be short.
    messages: fc.noBias(fc.array(message, { maxLength: 24, size: 'max' })),
  })
  .map(({ partitions, unit, longest, latest, messages }) => {
    let arrived = 20;
    return messages.flatMap(({ input, partition, gap, elements }, number) => {
      arrived += unit * Math.min(gap, longest);
      return elements.map(({ late, k, v }, element): Arrived => ({
        ...{ input, partition: partition % partitions, number, element, arrived, k, v },
        s: late === null ? null : arrived - unit * Math.min(late, latest),
      }));
    });
  });

/** Versions of the reference data, the later ones valid from the very time of an event on. */
export function versionsOf(all: readonly Arrived[]): number[] {
  const times = all.flatMap(({ s }) => (s !== null && Number.isInteger(s) ? [s] : [])).sort((a, b) => a - b);
  const found = [1, 2].flatMap((part) => times[Math.floor((part * times.length) / 3)] ?? []);
  return [...new Set([0, ...found])];
}
