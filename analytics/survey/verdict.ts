/** Judges single queries. */

import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as z from 'zod';

/** How long a translation may take. A query that takes longer hangs. */
const VERDICT_TIMEOUT_MS = 20_000;

export const verdictSchema = z.object({
  /** `invalid`: not a query of the language; `uncovered`: it is one that the runner refuses */
  verdict: z.enum(['runs', 'invalid', 'uncovered', 'hangs']),
  /** of a refusal, without the place and without words of the query */
  reason: z.string().optional(),
});

export type Verdict = z.infer<typeof verdictSchema>;

export interface Judge {
  judge: (query: string) => Promise<Verdict>;
  close: () => Promise<void>;
}

/** Translates queries and prepares them in DuckDB, in a thread of its own that ends when a query hangs. */
export function createJudge(): Judge {
  let worker: Worker | undefined;
  const start = (): Worker =>
    new Worker(`require('tsx/cjs'); require(${JSON.stringify(join(__dirname, 'judge.ts'))});`, {
      eval: true,
    });
  return {
    judge: async (query) => {
      const current = (worker ??= start());
      const timeout = new AbortController();
      current.postMessage(query);
      const message = await Promise.race([
        once(current, 'message').then(([answer]: unknown[]) => answer),
        delay(VERDICT_TIMEOUT_MS, { verdict: 'hangs' }, { signal: timeout.signal }),
      ]);
      timeout.abort();
      const found = verdictSchema.parse(message);
      if (found.verdict === 'hangs') {
        await current.terminate();
        worker = undefined;
      }
      return found;
    },
    close: async () => {
      await worker?.terminate();
    },
  };
}
