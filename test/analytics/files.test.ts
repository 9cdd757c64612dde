import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_TIME_POLICY, type HubEvent } from '../../analytics/event';
import { readEventFile } from '../../analytics/eventFile';
import { readTimePolicy } from '../../analytics/timePolicy';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a file of events', () => {
  async function read(text: string, batchSize = 100): Promise<HubEvent[][]> {
    const file = join(folder, 'events');
    await writeFile(file, text);
    const batches: HubEvent[][] = [];
    for await (const batch of readEventFile(file, batchSize)) batches.push(batch);
    return batches;
  }
  const bodies = async (text: string): Promise<string[]> => (await read(text)).flat().map(({ body }) => body);
  const ENQUEUED_US = Date.UTC(2026, 0, 1) * 1_000;

  test('is read in batches', async () => {
    const sizes = async (events: number) =>
      (await read('{}\n'.repeat(events), 2)).map(({ length }) => length);
    expect(await sizes(5)).toEqual([2, 2, 1]);
    expect(await sizes(4)).toEqual([2, 2]);
    expect(await sizes(0)).toEqual([]);
  });

  test.each([
    ['lines', '{"id":1}\n\n{"id":2}\r\n  \n{"id":3}', ['{"id":1}', '{"id":2}', '{"id":3}']],
    ['lines that are no JSON', 'oops\n{"id":1}\n', ['oops', '{"id":1}']],
    ['an array', '[{"id":1},\n {"id":2}]', ['{"id":1}', '{"id":2}']],
    ['an array in one line', '[{"id":1},{"id":2}]\n', ['{"id":1}', '{"id":2}']],
    ['an array after a byte order mark', '\uFEFF \n[\n{"id":1}\n]', ['{"id":1}']],
    ['lines that are arrays', '[{"id":1}]\n[{"id":2}]\n', ['[{"id":1}]', '[{"id":2}]']],
  ])('may hold %s', async (_, text, expected) => {
    expect(await bodies(text)).toEqual(expected);
  });

  test('may hold messages of the feed, whose last line is none', async () => {
    const message = {
      ...{ partitionId: '3', sequenceNumber: 0, enqueuedTimeUtc: '2026-01-01T01:00:00.1234567+01:00' },
      ...{ deviceId: 'd', messageId: null, properties: { a: 'b' } },
    };
    const text = [
      { ...message, body: { id: 1 } },
      { ...message, body: 'text' },
      { next_offset: 'x', more: 1 },
    ];
    const [batch = []] = await read(text.map((line) => JSON.stringify(line)).join('\n'));
    expect(batch).toEqual([
      {
        ...{ body: '{"id":1}', enqueuedUs: ENQUEUED_US + 123_456, partitionId: 3, deviceId: 'd' },
        ...{ messageId: undefined, properties: '{"a":"b"}' },
      },
      expect.objectContaining({ body: 'text' }),
    ]);
  });

  // https://learn.microsoft.com/azure/stream-analytics/stream-analytics-define-inputs#configure-iot-hub-as-a-data-stream-input
  test('may hold samples with the metadata of IoT Hub', async () => {
    const sample = {
      ...{ id: 1, EventEnqueuedUtcTime: '2026-01-01T00:00:00.5Z', PartitionId: 2 },
      IoTHub: {
        ...{ MessageId: 'm', CorrelationId: 'c' },
        ...{ ConnectionDeviceId: 'd', ConnectionDeviceGenerationId: 'g' },
      },
    };
    const bare = { EventEnqueuedUtcTime: '2026-01-01T00:00:00Z' };
    expect((await read(`${JSON.stringify(sample)}\n${JSON.stringify(bare)}`)).flat()).toEqual([
      {
        ...{ body: JSON.stringify(sample), enqueuedUs: ENQUEUED_US + 500_000, partitionId: 2, deviceId: 'd' },
        ...{ messageId: 'm', correlationId: 'c', generationId: 'g' },
      },
      { body: JSON.stringify(bare), enqueuedUs: ENQUEUED_US },
    ]);
  });
});

// https://learn.microsoft.com/azure/stream-analytics/job-config-json
describe('the time policy beside a query', () => {
  async function policy(config: string): Promise<ReturnType<typeof readTimePolicy>> {
    await writeFile(join(folder, 'JobConfig.json'), config);
    return readTimePolicy(join(folder, 'query.asaql'));
  }

  test('is that of Stream Analytics where there is none', async () => {
    expect(readTimePolicy(join(folder, 'none', 'query.asaql'))).toEqual({
      eventsLateArrivalMaxDelayInSeconds: 5,
      eventsOutOfOrderMaxDelayInSeconds: 0,
      eventsOutOfOrderPolicy: 'Adjust',
    });
    expect(await policy('\uFEFF{}')).toEqual(DEFAULT_TIME_POLICY);
  });

  test('is read', async () => {
    expect(
      await policy(
        '{"EventsLateArrivalMaxDelayInSeconds":0,"EventsOutOfOrderMaxDelayInSeconds":7,"EventsOutOfOrderPolicy":"Drop"}',
      ),
    ).toEqual({
      eventsLateArrivalMaxDelayInSeconds: 0,
      eventsOutOfOrderMaxDelayInSeconds: 7,
      eventsOutOfOrderPolicy: 'Drop',
    });
  });

  test('takes -1 as the longest late arrival, 20 days', async () => {
    expect(await policy('{"EventsLateArrivalMaxDelayInSeconds":-1}')).toMatchObject({
      eventsLateArrivalMaxDelayInSeconds: 1_728_000,
    });
  });

  test.each([
    ['{', 'is not valid JSON'],
    ['{"EventsLateArrivalMaxDelayInSeconds":-2}', 'EventsLateArrivalMaxDelayInSeconds'],
    ['{"EventsOutOfOrderMaxDelayInSeconds":-1}', 'EventsOutOfOrderMaxDelayInSeconds'],
    ['{"EventsOutOfOrderPolicy":"Skip"}', 'EventsOutOfOrderPolicy'],
  ])('is refused by its file: %s', async (config, told) => {
    await expect(policy(config)).rejects.toThrow(told);
    await expect(policy(config)).rejects.toThrow('JobConfig.json');
  });
});
