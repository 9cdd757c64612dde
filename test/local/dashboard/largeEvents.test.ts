// @module-tag full

import { expect, test } from 'vitest';
import { views } from '../../../bench/dashboardViews';
import { startDashboard } from '../../../local/dashboard';
import { startJobStack } from './jobStack';

/** In the full run, the events together are larger than the heap that the job's process may have. */
const EVENTS = 1_000;
const EVENT_BYTES = 220_000;
const CUTS = 4;

test(
  'a backlog of the largest events is read once, within the memory that the job has, while connections are lost',
  { timeout: 120_000, retry: 0 },
  async () => {
    const { stack, environment, close } = await startJobStack('[]');
    const note = 'x'.repeat(EVENT_BYTES);
    let seeded = 0;
    const seed = (count: number): void => {
      stack.emulator.admin.seed({
        count,
        bodies: [{ deviceId: 'shop-1', Data: { event: 'browse_product', product_id: 1, note } }],
        messageIds: true,
      });
      seeded += count;
    };
    seed(EVENTS);
    const log: string[] = [];
    const job = startDashboard(environment, (line) => log.push(line));
    try {
      let cuts = 0;
      for await (const { counts } of views(await job.ready)) {
        if (cuts === CUTS && counts.rows >= seeded) break;
        // In the middle of what it has read and not yet done.
        if (cuts === CUTS || counts.rows < ((cuts + 1) * EVENTS) / (CUTS + 1)) continue;
        cuts += 1;
        // A quick job has done all of it by the time of a view: then there is more to cut into.
        if (counts.rows >= seeded) seed(EVENTS / (CUTS + 1));
        await new Promise(setImmediate);
        stack.emulator.admin.armFault({ target: 'eventHub', kind: 'resetConnections' });
      }
      for await (const { counts, funnel } of views(await job.ready)) {
        expect([counts.rows, funnel[0]?.events]).toEqual([seeded, seeded]);
        break;
      }
      expect(log.filter((line) => !line.startsWith('analytics uses the reference data'))).toEqual([]);
    } finally {
      await job.close();
      await close();
    }
  },
);
