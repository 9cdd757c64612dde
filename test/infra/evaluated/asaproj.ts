import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readQuery } from '../query';
import { bicep, evaluated, WHY_SKIPPED } from '../snapshot';

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

  it('is made of the files and fields that the tools document', () => {
    const folders: Record<string, string> = {
      Input: 'Inputs',
      InputMock: 'Inputs',
      Output: 'Outputs',
      JobConfig: '.',
    };
    for (const { filePath, subType } of files) {
      expect(dirname(filePath), filePath).toBe(folders[subType]);
      expect(read(filePath).ScriptType, filePath).toBe(subType);
    }
    // https://learn.microsoft.com/azure/stream-analytics/job-config-json, and what the tools write beside it
    const documented = [
      'CompatibilityLevel',
      'ContentStoragePolicy',
      'DataLocale',
      'EventsLateArrivalMaxDelayInSeconds',
      'EventsOutOfOrderMaxDelayInSeconds',
      'EventsOutOfOrderPolicy',
      'OutputErrorPolicy',
      'ScriptType',
      'Sku',
      'Tags',
      'UseSystemAssignedIdentity',
    ];
    expect(Object.keys(read('JobConfig.json')).toSorted()).toEqual(documented);
    const [stream, ...references] = of('Input');
    expect(stream).toMatchObject({
      Type: 'Data Stream',
      DataSourceType: 'IoT Hub',
      Serialization: { Type: 'Json' },
    });
    expect(references).toHaveLength(2);
    for (const reference of references)
      expect(reference).toMatchObject({ Type: 'Reference data', DataSourceType: 'Blob Storage' });
    expect(of('InputMock').map(({ Type }) => String(Type))).toEqual(of('Input').map(({ Type }) => Type));
    for (const output of of('Output')) {
      expect(output).toMatchObject({
        DataSourceType: 'Power BI',
        PowerBIProperties: { Dataset: output.Name, Table: output.Name, AuthenticationMode: 'Msi' },
      });
    }
  });

  it('keeps no key', () => {
    expect(
      of('Input')
        .map((input) => JSON.stringify(input))
        .join(),
    ).not.toMatch(/Key":(?! ?null)/);
  });

  it('has a sample for each input, with what the query reads', () => {
    const [events, products, skus] = files
      .filter(({ subType }) => subType === 'InputMock')
      .map(({ filePath }): any[] => read(join(dirname(filePath), read(filePath).FilePath)));
    const query = readFileSync(join(FOLDER, project.startFile), 'utf8').replace(/--.*$/gm, '');
    const fields = (alias: string): string[] =>
      [...query.matchAll(new RegExp(`\\b${alias}\\.(\\w+)`, 'g'))].map(([, field = '']) => field);
    const payloads: any[] = (events ?? []).flatMap(({ Data }) => Data ?? []);
    const readings: any[] = (events ?? []).flatMap(({ sensor }) => sensor ?? []);
    const items: any[] = payloads.flatMap(({ items: list }) => list ?? []);
    /** Each field is in one of the samples at least. */
    const known = (records: readonly object[]): string[] => [...new Set(records.flatMap(Object.keys))];
    expect(known(payloads)).toEqual(expect.arrayContaining(fields('source\\.payload')));
    expect(known(items)).toEqual(expect.arrayContaining(fields('item\\.ArrayValue')));
    expect(known(readings)).toEqual(expect.arrayContaining(fields('source\\.sensor')));
    for (const event of events ?? []) {
      expect(Object.keys(event.IoTHub)).toEqual(expect.arrayContaining(fields('source\\.IoTHub')));
      expect(event.EventEnqueuedUtcTime).toMatch(/^2026-/);
    }
    for (const [name, rows] of Object.entries({ products, skus }))
      for (const row of rows ?? [])
        expect(Object.keys(row)).toEqual(expect.arrayContaining(fields(`(?<!metrics\\.)${name}`)));
    expect([events?.length, products?.length, skus?.length]).toEqual([9, 2, 4]);
  });

  it.skipIf(!bicep)(
    `has the job's settings as they are deployed${WHY_SKIPPED}`,
    { tags: 'full' },
    async () => {
      const { the, of: deployed } = await evaluated('default');
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
      expect(read('Inputs/events.json').IoTHubProperties).toMatchObject({
        Endpoint: 'messages/events',
        SharedAccessPolicyName: 'service',
        ConsumerGroupName: deployed('Microsoft.StreamAnalytics/streamingjobs/inputs').find(
          ({ properties }) => properties.type === 'Stream',
        )?.properties.datasource.properties.consumerGroupName,
      });
      const references = deployed('Microsoft.StreamAnalytics/streamingjobs/inputs').filter(
        ({ properties }) => properties.type === 'Reference',
      );
      expect(references).toHaveLength(2);
      for (const { name, properties } of references) {
        const reference = properties.datasource.properties;
        expect(read(`Inputs/${name.split('/').at(-1) ?? ''}.json`).BlobReferenceProperties).toMatchObject({
          Container: reference.container,
          PathPattern: reference.pathPattern,
          DateFormat: reference.dateFormat,
          TimeFormat: reference.timeFormat,
        });
      }
    },
  );
});
