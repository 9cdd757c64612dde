import * as fc from 'fast-check';
import { PARTITIONS } from '../jobOnFile';
import type { Arrived } from './rows';

/** Times are halves of seconds. Own times are up to 9 s late and 2 s early, some far too early or absent. */
export const events: fc.Arbitrary<Arrived[]> = fc
  .array(
    fc.record({
      input: fc.constantFrom('i' as const, 'i' as const, 'j' as const),
      partition: fc.constantFrom(...PARTITIONS),
      arrived: fc.nat(60),
      elements: fc.array(
        fc.record({
          late: fc.oneof(
            { weight: 6, arbitrary: fc.constantFrom(0, 0, 1) },
            { weight: 10, arbitrary: fc.integer({ min: -4, max: 18 }) },
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
    }),
    // Otherwise most arrays would be short.
    { maxLength: 24, size: 'max' },
  )
  .map((all) =>
    all
      .sort((a, b) => a.arrived - b.arrived)
      .flatMap(({ input, partition, arrived, elements }, number) =>
        elements.map(({ late, k, v }, element): Arrived => ({
          ...{ input, partition, number, element, k, v },
          arrived: 20 + arrived / 2,
          s: late === null ? null : 20 + (arrived - late) / 2,
        })),
      ),
  );
