import { expect, test } from 'vitest';
import { createQueue, howMany } from '../../analytics/job/amount';
import { bySize } from '../../analytics/job/readEvent';

const LARGE = 'x'.repeat(60_000);

test.each(['body', 'properties', 'correlationId'] as const)(
  'what waits for a query is bounded by its size, be it of its %s',
  (text) => {
    const events = Array.from({ length: 10 }, () => ({ body: '{}', enqueuedUs: 0, [text]: LARGE }));
    expect(howMany(events, { events: 100, characters: 200_000 })).toBe(3);
    expect(howMany(events, { events: 2, characters: 200_000 })).toBe(2);
    expect(howMany(events, { events: 100, characters: 10 })).toBe(1);
  },
);

test('what waits is counted as it comes and goes', () => {
  const waiting = createQueue<{ body: string; enqueuedUs: number }>();
  const limit = { events: 3, characters: 200_000 };
  const small = { body: '{}', enqueuedUs: 0 };
  const large = { body: 'x'.repeat(300_000), enqueuedUs: 0 };
  waiting.add([large]);
  expect(waiting.exceeds(limit)).toBe(false);
  waiting.add([small, small]);
  expect(waiting.exceeds(limit)).toBe(true);
  expect(waiting.take(limit)).toEqual([large]);
  expect(waiting.exceeds(limit)).toBe(false);
  waiting.add([small, small]);
  expect(waiting.exceeds(limit)).toBe(true);
  expect(waiting.take(limit)).toHaveLength(3);
  expect(waiting.take(limit)).toHaveLength(1);
  expect(waiting.take(limit)).toEqual([]);
  expect(waiting.isEmpty()).toBe(true);
});

test.each([
  { body: Buffer.from(LARGE) },
  { body: Buffer.from('{}'), application_properties: { note: LARGE } },
])('large events are handed over a few at a time: %#', (large) => {
  const messages = Array.from({ length: 40 }, (_, sequenceNumber) => ({
    ...large,
    message_annotations: { 'x-opt-sequence-number': sequenceNumber, 'x-opt-enqueued-time': new Date(0) },
  }));
  const groups = [...bySize(messages, '0')];
  expect(groups.map(({ length }) => length)).toEqual([17, 17, 6]);
  expect(groups.flat().map(({ sequenceNumber }) => sequenceNumber)).toEqual([...messages.keys()]);
});
