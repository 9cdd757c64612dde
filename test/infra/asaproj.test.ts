import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readQuery } from './query';
import { bicep, evaluate, WHY_SKIPPED } from './snapshot';

const FOLDER = 'infra/analytics';
const read = (file: string): any => JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));

/** The Stream Analytics tools do not run here: what they read is compared with what is deployed. */
describe('the project for the Stream Analytics tools', () => {
  const project = read('asaproj.json');
  const files: { filePath: string; subType: string }[] = project.configurations;
  const of = (subType: string): any[] =>
    files.filter((file) => file.subType === subType).map(({ filePath }) => read(filePath));
  const { inputs, outputs } = readQuery();

  it('opens the query that is deployed, with its inputs and outputs', () => {
    expect(existsSync(join(FOLDER, project.startFile))).toBe(true);
    expect(of('Input').map(({ Name }) => String(Name))).toEqual(inputs);
    expect(of('InputMock').map(({ InputAlias }) => String(InputAlias))).toEqual(inputs);
    expect(of('Output').map(({ Name }) => String(Name))).toEqual(Object.keys(outputs));
  });

  it('has a sample for each input, with what the query reads', () => {
    const [events, products] = files
      .filter(({ subType }) => subType === 'InputMock')
      .map(({ filePath }): any[] => read(join(dirname(filePath), read(filePath).FilePath)));
    const query = readFileSync(join(FOLDER, project.startFile), 'utf8');
    const fields = (pattern: RegExp): string[] => [...query.matchAll(pattern)].map(([, field = '']) => field);
    for (const event of events ?? []) {
      expect(Object.keys(event.Data)).toEqual(expect.arrayContaining(fields(/source\.Data\.(\w+)/g)));
      expect(Object.keys(event.IoTHub)).toEqual(expect.arrayContaining(fields(/source\.IoTHub\.(\w+)/g)));
      expect(event.EventEnqueuedUtcTime).toMatch(/^2026-/);
    }
    for (const sku of products ?? []) {
      expect(Object.keys(sku)).toEqual(expect.arrayContaining(fields(/skus\.(\w+)/g)));
    }
    expect([events?.length, products?.length]).toEqual([6, 4]);
  });

  it.skipIf(!bicep)(`has the job's settings as they are deployed${WHY_SKIPPED}`, () => {
    const { the, of: deployed } = evaluate('default');
    const job = the('Microsoft.StreamAnalytics/streamingjobs').properties;
    const [config] = of('JobConfig');
    expect(config).toMatchObject({
      CompatibilityLevel: job.compatibilityLevel,
      OutputErrorPolicy: job.outputErrorPolicy,
      EventsOutOfOrderPolicy: job.eventsOutOfOrderPolicy,
      EventsOutOfOrderMaxDelayInSeconds: job.eventsOutOfOrderMaxDelayInSeconds,
      EventsLateArrivalMaxDelayInSeconds: job.eventsLateArrivalMaxDelayInSeconds,
      Sku: {
        Name: job.sku.name,
        StreamingUnits: the('Microsoft.StreamAnalytics/streamingjobs/transformations').properties
          .streamingUnits,
      },
    });
    const reference = deployed('Microsoft.StreamAnalytics/streamingjobs/inputs').find(
      ({ properties }) => properties.type === 'Reference',
    )?.properties.datasource.properties;
    expect(read('Inputs/products.json').BlobReferenceProperties).toMatchObject({
      Container: reference.container,
      PathPattern: reference.pathPattern,
      DateFormat: reference.dateFormat,
      TimeFormat: reference.timeFormat,
    });
  });
});
