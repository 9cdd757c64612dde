import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_TIME_POLICY, readTimePolicy } from '../../analytics/timePolicy';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-policy-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

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
    expect(await policy('\uFEFF{"EventsLateArrivalMaxDelayInSeconds":5}')).toEqual(DEFAULT_TIME_POLICY);
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

  test.each([
    '{"EventsLateArrivalMaxDelayInSeconds":-1}',
    '{"EventsLateArrivalMaxDelayInSeconds":null}',
    '{}',
  ])('has the longest late arrival, 20 days 23:59:59, in %s', async (config) => {
    expect(await policy(config)).toMatchObject({ eventsLateArrivalMaxDelayInSeconds: 1_814_399 });
  });

  test.each([
    ['{', 'is not valid JSON'],
    ['{"EventsLateArrivalMaxDelayInSeconds":-2}', 'EventsLateArrivalMaxDelayInSeconds'],
    ['{"EventsLateArrivalMaxDelayInSeconds":1814400}', 'EventsLateArrivalMaxDelayInSeconds'],
    ['{"EventsOutOfOrderMaxDelayInSeconds":-1}', 'EventsOutOfOrderMaxDelayInSeconds'],
    ['{"EventsOutOfOrderPolicy":"Skip"}', 'EventsOutOfOrderPolicy'],
  ])('is refused by its file: %s', async (config, told) => {
    await expect(policy(config)).rejects.toThrow(told);
    await expect(policy(config)).rejects.toThrow('JobConfig.json');
  });
});
