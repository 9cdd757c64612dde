import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { propertyRuns } from '../testSize';
import { isAccepted, queries } from './generatedQueries';
import { policies } from './interpreter';
import { arrivals, runInterrupted, steps } from './interruptedRun';

/** The short run tries the same queries each time; the full run tries others. */
const SEED = 1;
test(
  'kills and the ends of batches never change the rows of generated queries',
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(queries, arrivals, policies, steps, async (query, rows, policy, taken) => {
        fc.pre(isAccepted(query));
        const run = { query, policy, rows };
        expect(await runInterrupted({ ...run, steps: taken })).toEqual(
          await runInterrupted({ ...run, steps: [] }),
        );
      }),
      propertyRuns(1, 20, SEED),
    );
  },
);
