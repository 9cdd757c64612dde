import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHook } from '../../infra/hooks';
import { type FakeAzure, startFakeAzure, up } from './fakeAzure';
import { readQuery } from './query';

/** What the hooks do in Power BI, where the job creates the datasets. */
describe('the reports of Power BI', () => {
  let azure: FakeAzure;
  beforeEach(async () => {
    azure = await startFakeAzure();
  });
  afterEach(() => azure.close());

  it('wait for the datasets, which the hooks never create', async () => {
    await up(azure);
    expect(azure.changes.filter((change) => /datasets|reports/.test(change))).toEqual([]);
    expect(azure.said).toContain(
      'Power BI: report product-events waits for its dataset, which the job creates with its first rows. Then run azd hooks run postdeploy',
    );
  });

  it('are published once the job has written its first rows, and then left alone', async () => {
    await up(azure);
    azure.changes.splice(0);
    azure.firstRows();
    await runHook('postdeploy', azure.context());
    expect(azure.changes.splice(0)).toEqual([
      'POST /fabric/workspaces/workspace-1/reports',
      'POST /fabric/workspaces/workspace-1/reports',
      'POST /fabric/workspaces/workspace-1/reports',
    ]);
    await runHook('postdeploy', azure.context());
    expect(azure.changes).toEqual([]);
  });

  it('have a workspace for each environment', async () => {
    await up(azure);
    expect(azure.state.workspaces.map(({ name }) => name)).toEqual(['Hubfront test']);
  });

  it('waits until a report is published, and says why it is not', async () => {
    await up(azure);
    azure.state.publishFails = 'The visual latest names a column that is not there';
    azure.firstRows();
    await expect(runHook('postdeploy', azure.context())).rejects.toThrow(
      /reported a failed operation: InvalidItem: The visual latest names a column that is not there/,
    );
    expect(azure.state.reports).toEqual([]);
    azure.state.publishFails = undefined;
    await runHook('postdeploy', azure.context());
    expect(azure.state.reports).toHaveLength(3);
    expect(azure.state.job?.jobState).toBe('Running');
  });

  it('are bound to their datasets, and use only columns that the query writes', async () => {
    await up(azure);
    azure.firstRows();
    await runHook('postdeploy', azure.context());
    const { outputs } = readQuery();
    for (const { displayName, definition } of azure.state.reports) {
      const dataset = azure.state.datasets.find(({ name }) => name === displayName);
      const parts = new Map<string, string>(
        definition.parts.map((part: any): [string, string] => [
          part.path,
          Buffer.from(part.payload, 'base64').toString(),
        ]),
      );
      expect(JSON.parse(parts.get('definition.pbir') ?? '')).toMatchObject({
        datasetReference: { byConnection: { connectionString: `semanticmodelid=${dataset?.id ?? ''}` } },
      });
      const columns = (outputs[displayName] ?? []).map(({ name }) => name);
      const fields = [...parts].flatMap(([path, text]): RegExpExecArray[] =>
        path.endsWith('visual.json')
          ? [...text.matchAll(/"Entity": "([\w-]+)"[^]*?"Property": "(\w+)"/g)]
          : [],
      );
      expect(fields.length).toBeGreaterThan(3);
      for (const [, entity, property] of fields) {
        expect(entity).toBe(displayName);
        expect(columns).toContain(property);
      }
    }
    expect(azure.state.reports.map(({ displayName }) => displayName).toSorted()).toEqual([
      'events-per-minute',
      'product-events',
      'sensor-readings',
    ]);
  });
});
