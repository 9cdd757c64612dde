import { expect, test } from 'vitest';
import { createClock, needsClock } from '../../analytics/job/clock';
import { lastEventsOf } from '../../analytics/job/hubReader';
import { translate } from '../../analytics/query';

const RESPONSE_TIMEOUT_MS = 50;

test.each([
  ['fails', () => Promise.reject(new Error('no response'))],
  ['never responds', () => new Promise<never>(() => undefined)],
])('a partition that %s does not stop the clock of the others', async (_, respond) => {
  const advanced: (readonly string[])[] = [];
  const client = {
    getPartitionProperties: (partition: string) =>
      partition === '1'
        ? respond()
        : Promise.resolve({
            eventHubName: 'hub',
            partitionId: partition,
            beginningSequenceNumber: 0,
            lastEnqueuedSequenceNumber: 7,
            lastEnqueuedOffset: '0',
            lastEnqueuedOnUtc: new Date(0),
            isEmpty: partition === '2',
          }),
  };
  const tick = createClock({
    partitions: () => ['0', '1', '2'],
    lastEvents: (partitions) => lastEventsOf(client, partitions, RESPONSE_TIMEOUT_MS),
    isProcessed: (_, sequenceNumber) => sequenceNumber <= 7,
    advance: (_, partitions) => {
      advanced.push(partitions);
      return Promise.resolve();
    },
  });
  await tick();
  expect(advanced).toEqual([['0', '2']]);
});

test.each([
  ['SELECT a FROM i', false],
  ['SELECT a FROM i TIMESTAMP BY t', false],
  ['SELECT a FROM i TIMESTAMP BY t OVER k', true],
  ['SELECT COUNT(*) AS n FROM i GROUP BY TumblingWindow(minute, 1)', true],
])('the clock runs where windows end or timelines are kept: %s', (query, runs) => {
  expect(needsClock(translate(query))).toBe(runs);
});
