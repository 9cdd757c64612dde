import rhea from 'rhea';
import { expect, test } from 'vitest';
import type { HubConnection, HubMessage, ReceiveOptions } from '../../analytics/job/hubConnection';
import { readHub } from '../../analytics/job/hubReader';
import { bySize } from '../../analytics/job/readEvent';
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
  const hub = createFakeHub();
  await whileReading(hub, async () => {
    await expect.poll(() => hub.send(bytes)).toBe(most);
  });
});

test('before the size of messages is known, as many are requested as the job may hold of the largest', async () => {
  const hub = createFakeHub(32);
  await whileReading(hub, () => {
    expect(hub.send(262_144)).toBe(7);
    return Promise.resolve();
  });
});

test('one large message among small ones reduces how many are requested', async () => {
  const hub = createFakeHub();
  await whileReading(hub, async () => {
    await expect.poll(() => hub.send(200)).toBe(2_000);
    await expect.poll(() => hub.send(200, 200_000)).toBe(320);
  });
});

const { types, message } = rhea;
test.each([
  ['no section', {}, ''],
  ['null', { body: null }, 'null'],
  ['a number', { body: 5 }, '5'],
  ['true', { body: true }, 'true'],
  ['a text', { body: '{"v":1}' }, '{"v":1}'],
  ['an empty list', { body: types.wrap_list([]) }, '[]'],
  ['a map', { body: { v: 1, toJSON: 2 } }, '{"v":1,"toJSON":2}'],
  ['a described value', { body: types.wrap_described('x', 'y:z') }, 'x'],
  ['described values in a list', { body: types.wrap_list([types.wrap_described('x', 'y:z')]) }, '["x"]'],
  ['bytes that are not UTF-8', { body: message.data_section(Buffer.of(0xff)) }, '\uFFFD'],
  [
    'two sections of data',
    { body: message.data_sections([Buffer.from('[1'), Buffer.from(']')] as unknown) },
    '[1]',
  ],
  ['a section of a sequence', { body: message.sequence_section([1, 'a']) }, '[1,"a"]'],
] as [string, object, string][])('a message with %s as its body becomes an event', (_, sent, body) => {
  const { encode, decode } = message as unknown as {
    encode: (one: object) => Buffer;
    decode: (bytes: Buffer) => HubMessage;
  };
  // rhea writes a null without a body.
  const received = 'body' in sent ? decode(encode(sent)) : {};
  expect([...bySize([received], '0')].flat()).toMatchObject([{ body }]);
});

test('a message whose body is nested too deeply becomes a malformed event', () => {
  let body: unknown[] = [];
  for (let depth = 0; depth < 100_000; depth += 1) body = [body];
  expect([...bySize([{ body }], '0')].flat()).toMatchObject([{ body: '' }]);
});

async function whileReading(
  { connection }: ReturnType<typeof createFakeHub>,
  work: () => Promise<void>,
): Promise<void> {
  const reader = readHub({
    openHub: () => connection,
    connectionString: '',
    consumerGroup: '',
    checkpoint: () => Promise.resolve(new Map()),
    take: () => Promise.resolve(),
    onReset: () => undefined,
    onError: () => undefined,
  });
  try {
    await reader.started;
    await work();
  } finally {
    await reader.close();
  }
}

/** A hub that sends as many messages of its last partition as are requested. */
function createFakeHub(partitions = 1): {
  connection: HubConnection;
  /** Sends messages of this size, the first one with a size of its own. @returns their number */
  send: (bytes: number, first?: number) => number;
} {
  let credit = 0;
  let sent = 0;
  let onMessage: ReceiveOptions['onMessage'] = () => undefined;
  const ids = Array.from({ length: partitions }, (_, i) => String(i));
  return {
    connection: {
      partitionIds: () => Promise.resolve(ids),
      readPartitions: () =>
        Promise.resolve(
          ids.map((partitionId) => ({
            ...{ partitionId, firstSequenceNumber: 0, lastSequenceNumber: -1, empty: true },
          })),
        ),
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
    send: (bytes, first = bytes) => {
      const requested = credit;
      for (; credit > 0; credit -= 1)
        onMessage({
          body: Buffer.alloc(credit === requested ? first : bytes, 'x'),
          message_annotations: {
            'x-opt-sequence-number': (sent += 1),
            'x-opt-enqueued-time': new Date(0),
          },
        });
      return requested;
    },
  };
}
