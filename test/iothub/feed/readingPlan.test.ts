import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shareOut } from '../../../src/iothub/feed/readingPlan';

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
      fc.property(readings, fc.integer({ min: 1, max: 10_000 }), (wanting, limit) => {
        const shares = shareOut(limit, wanting);
        const wanted = wanting.reduce((sum, { available }) => sum + available, 0);
        expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(Math.min(limit, wanted));
        for (const { partitionId, available } of wanting)
          expect(shares.get(partitionId) ?? 0).toBeLessThanOrEqual(available);
      }),
    );
  });

  test('gives nobody less than another who was behind, but for what there is', () => {
    fc.assert(
      fc.property(readings, fc.integer({ min: 1, max: 10_000 }), (wanting, limit) => {
        const shares = shareOut(limit, wanting);
        const unmet = wanting
          .map(({ partitionId, available }) => ({ share: shares.get(partitionId) ?? 0, available }))
          .filter(({ share, available }) => share < available);
        for (const [i, { share }] of unmet.entries()) {
          expect(share).toBeGreaterThanOrEqual(unmet[i + 1]?.share ?? 0);
        }
        expect(Math.max(...unmet.map(({ share }) => share)) - (unmet.at(-1)?.share ?? 0)).not.toBeGreaterThan(
          1,
        );
      }),
    );
  });
});
