import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shareOut } from '../../src/iothub/readingPlan';

const readings = fc
  .uniqueArray(fc.nat({ max: 31 }), { minLength: 1, maxLength: 32 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc.record({ partitionId: fc.constant(String(id)), available: fc.integer({ min: 1, max: 5_000 }) }),
      ),
    ),
  );

describe('sharing a limit out', () => {
  test('gives out all of the limit that is wanted, and to nobody more than there is', () => {
    fc.assert(
      fc.property(
        readings,
        fc.integer({ min: 1, max: 10_000 }),
        fc.nat({ max: 32 }),
        (wanting, limit, turn) => {
          const { shares } = shareOut(limit, wanting, turn);
          const wanted = wanting.reduce((sum, { available }) => sum + available, 0);
          expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(Math.min(limit, wanted));
          for (const { partitionId, available } of wanting)
            expect(shares.get(partitionId) ?? 0).toBeLessThanOrEqual(available);
        },
      ),
    );
  });

  test('lets no partition with news wait for more than one round, however busy the others are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat({ max: 31 }),
        (count, limit, quiet) => {
          fc.pre(quiet < count);
          const busy = Array.from({ length: count }, (_, i) => ({
            partitionId: String(i),
            available: i === quiet ? 1 : 1_000_000,
          }));
          let turn = 0;
          for (let poll = 0; poll < Math.ceil(count / limit); poll += 1) {
            const shared = shareOut(limit, busy, turn);
            if (shared.shares.has(String(quiet))) return;
            ({ turn } = shared);
          }
          throw new Error('the quiet partition was starved');
        },
      ),
    );
  });
});
