import { expect, test } from 'vitest';
import { readHub } from '../../analytics/job/hubReader';
import { startStack } from '../stack';

const EVENTS = 40;
/** So that the reader hands them over a few at a time. */
const EVENT_BYTES = 220_000;

test(
  'what was read on a connection that is lost does not come after what is read anew',
  { retry: 0 },
  async () => {
    // The SDK tells of the loss by the partition that waits for events, not by the one whose events are being taken.
    const stack = await startStack({ partitions: 2 });
    stack.emulator.admin.seed({
      count: EVENTS,
      partitionId: '0',
      bodies: [{ note: 'x'.repeat(EVENT_BYTES) }],
    });
    let beginnings = 0;
    let tellAnew: () => void;
    const anew = new Promise<void>((resolve) => {
      tellAnew = resolve;
    });
    let tellAll: () => void;
    const all = new Promise<void>((resolve) => {
      tellAll = resolve;
    });
    const seen: number[] = [];
    const reader = readHub({
      connectionString: stack.emulator.connectionStrings.eventHub('service'),
      consumerGroup: 'analytics',
      checkpoint: () => {
        beginnings += 1;
        if (beginnings === 2) tellAnew();
        return new Map();
      },
      take: async (events) => {
        if (beginnings === 1) {
          // A partition without a reader would not notice the loss.
          await expect
            .poll(() => stack.emulator.admin.state().partitions.map(({ readers }) => readers))
            .toEqual([1, 1]);
          stack.emulator.admin.armFault({ target: 'eventHub', kind: 'resetConnections' });
          await anew;
          return;
        }
        seen.push(...events.map(({ sequenceNumber }) => sequenceNumber));
        if (seen.length >= EVENTS) tellAll();
      },
      onReset: () => undefined,
      onError: () => undefined,
    });
    try {
      await all;
      expect(seen).toEqual(Array.from({ length: EVENTS }, (_, i) => i));
    } finally {
      await reader.close();
      await stack.close();
    }
  },
);
