import { expect, test } from 'vitest';
import type { HubConnection, ReceiveOptions } from '../../analytics/job/hubConnection';
import { readHub } from '../../analytics/job/hubReader';
import { openHub } from '../../local/openHub';
import { startStack } from '../stack';

const EVENTS = 40;
/** So that the reader hands them over a few at a time. */
const EVENT_BYTES = 220_000;

test(
  'what was read on a connection that is lost does not come after what is read anew',
  { retry: 0 },
  async () => {
    const stack = await startStack({ partitions: 2 });
    stack.emulator.admin.seed({
      count: EVENTS,
      partitionId: '0',
      bodies: [{ note: 'x'.repeat(EVENT_BYTES) }],
    });
    let beginnings = 0;
    let tellAll: () => void;
    const all = new Promise<void>((resolve) => {
      tellAll = resolve;
    });
    const seen: number[] = [];
    const reader = readHub({
      openHub,
      connectionString: stack.emulator.connectionStrings.eventHub('service'),
      consumerGroup: 'analytics',
      checkpoint: () => {
        beginnings += 1;
        return Promise.resolve(new Map());
      },
      take: (events) => {
        if (beginnings === 1) {
          stack.emulator.admin.armFault({ target: 'eventHub', kind: 'resetConnections' });
          // Events that have arrived before the loss must not be taken either.
          return Promise.reject(new Error('The connection is lost'));
        }
        seen.push(...events.map(({ sequenceNumber }) => sequenceNumber));
        if (seen.length >= EVENTS) tellAll();
        return Promise.resolve();
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

test.each([
  [200, 2_000],
  [200_000, 320],
])('as many messages of %i bytes are requested as the job may hold: %i', async (bytes, most) => {
  const hub = createFakeHub(bytes);
  const reader = readHub({
    openHub: () => hub.connection,
    connectionString: '',
    consumerGroup: '',
    checkpoint: () => Promise.resolve(new Map()),
    take: () => Promise.resolve(),
    onReset: () => undefined,
    onError: () => undefined,
  });
  try {
    await reader.started;
    await expect.poll(() => hub.send()).toBe(most);
  } finally {
    await reader.close();
  }
});

/** A hub of one partition, which sends as many messages as are requested. */
function createFakeHub(bytes: number): { connection: HubConnection; send: () => number } {
  let credit = 0;
  let sent = 0;
  let onMessage: ReceiveOptions['onMessage'] = () => undefined;
  return {
    connection: {
      partitionIds: () => Promise.resolve(['0']),
      readPartitions: () =>
        Promise.resolve([{ partitionId: '0', firstSequenceNumber: 0, lastSequenceNumber: -1, empty: true }]),
      receive: (_, options) => {
        ({ credit, onMessage } = options);
        return Promise.resolve({
          addCredit: (messages: number) => {
            credit += messages;
          },
          close: () => undefined,
        });
      },
      close: () => undefined,
    },
    /** @returns the number of messages */
    send: () => {
      const requested = credit;
      for (; credit > 0; credit -= 1)
        onMessage({
          body: Buffer.alloc(bytes, 'x'),
          message_annotations: {
            'x-opt-sequence-number': (sent += 1),
            'x-opt-enqueued-time': new Date(0),
          },
        });
      return requested;
    },
  };
}
