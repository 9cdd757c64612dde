import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHook } from '../../infra/hooks';
import { snapshotPath } from '../../infra/hooks/products';
import { type FakeAzure, FIRST_RUN, provisioned, startFakeAzure, up } from './fakeAzure';

/** Power BI and Azure cannot run here: a local fake answers for the few endpoints that the hooks use. */
describe('the hooks of azd', () => {
  let azure: FakeAzure;
  beforeEach(async () => {
    azure = await startFakeAzure();
  });
  afterEach(() => azure.close());

  const sent = (): string[] => azure.changes.splice(0);

  it('a first run makes all that a dashboard needs, and starts the job last', async () => {
    await up(azure);
    expect(sent()).toEqual(FIRST_RUN);
    expect(azure.environment.POWERBI_WORKSPACE_ID).toBe('workspace-1');
    expect(azure.state.users).toEqual([
      {
        identifier: azure.environment.STREAM_ANALYTICS_PRINCIPAL_ID,
        groupUserAccessRight: 'Contributor',
        principalType: 'App',
      },
    ]);
    expect(azure.state.secrets['keep-alive-function-key']).toBe('generated-keep-alive');
    expect(azure.state.job).toMatchObject({ jobState: 'Running', startModes: ['JobStartTime'] });
  });

  it('a second run changes nothing but the job, which stops while it is deployed to and goes on where it was', async () => {
    await up(azure);
    sent();
    if (azure.state.job) azure.state.job.lastOutputEventTime = '2026-11-24T10:00:00Z';
    await up(azure);
    expect(sent()).toEqual([
      'POST /Microsoft.StreamAnalytics/streamingjobs/asa-test/stop',
      'POST /Microsoft.StreamAnalytics/streamingjobs/asa-test/start',
    ]);
    expect(azure.state.job?.startModes).toEqual(['JobStartTime', 'LastOutputEventTime']);
  });

  it('azd deploy alone changes nothing', async () => {
    await up(azure);
    sent();
    await runHook('postdeploy', azure.context());
    expect(sent()).toEqual([]);
  });

  it.each(FIRST_RUN.map((request, i) => [i + 1, request] as const))(
    'a run that broke at change %i (%s) is finished by the next',
    async (count, request) => {
      const [method = '', path = ''] = request.split(' ');
      const sameBefore = FIRST_RUN.slice(0, count - 1).filter((one) => one === request).length;
      // The nth of equal requests breaks: those before it pass.
      let passed = 0;
      const context = (): ReturnType<FakeAzure['context']> => {
        const whole = azure.context();
        return {
          ...whole,
          rest: (url, options) => {
            const plain = new URL(url).pathname.replace(/^\/arm\/.*?\/providers/, '');
            if ((options?.method ?? 'GET') === method && plain === path && passed++ === sameBefore) {
              throw new Error('the machine went away');
            }
            return whole.rest(url, options);
          },
        };
      };
      const broken = async (): Promise<void> => {
        await runHook('preprovision', context());
        provisioned(azure);
        await runHook('postprovision', context());
        await runHook('postdeploy', context());
      };
      await expect(broken()).rejects.toThrow('the machine went away');
      await up(azure);
      expect(sent()).toEqual(FIRST_RUN);
      expect(azure.state.job?.jobState).toBe('Running');
    },
  );

  it('--what-if says what it would do and does nothing', async () => {
    azure.state.workspaces.push({ id: 'workspace-1', name: 'Hubfront test' });
    await up(azure, { whatIf: true });
    expect(sent()).toEqual([]);
    expect(azure.said.filter((line) => line.startsWith('would'))).toEqual([
      'would put the secret of visitors into the vault kv-test',
      `would make the job's identity ${azure.environment.STREAM_ANALYTICS_PRINCIPAL_ID ?? ''} Contributor of the workspace`,
      'would create the key web of the function registerDevice',
      'would create the key worker of the function messageFeed',
      'would create the host key keep-alive',
      'would put the host key keep-alive into the vault kv-test',
      // Nothing was created after the deployment, so each of the two hooks says so.
      'would put the secret of visitors into the vault kv-test',
      'would make the app read its secrets again: KEEP_ALIVE_FUNCTION_KEY, VISITOR_KEY',
      'would take a product snapshot from the database',
      'would start the analytics job (JobStartTime)',
    ]);
  });

  it('uses the workspace that is there by its name, and one that is given by its id', async () => {
    azure.state.workspaces.push({ id: 'workspace-7', name: "The shop's" });
    azure.environment.POWERBI_WORKSPACE_NAME = "The shop's";
    await runHook('preprovision', azure.context());
    expect(azure.environment.POWERBI_WORKSPACE_ID).toBe('workspace-7');
    delete azure.environment.POWERBI_WORKSPACE_NAME;
    await runHook('preprovision', azure.context());
    expect(azure.environment.POWERBI_WORKSPACE_NAME).toBe("The shop's");
    expect(sent()).toEqual([]);
  });

  it('lifts an identity that may only look', async () => {
    azure.state.workspaces.push({ id: 'workspace-1', name: 'Hubfront test' });
    azure.state.users.push({
      identifier: '33333333-3333-3333-3333-333333333333',
      groupUserAccessRight: 'Viewer',
    });
    await up(azure);
    expect(azure.state.users).toMatchObject([{ groupUserAccessRight: 'Contributor' }]);
  });

  it.each([
    ['POST /powerbi/groups?', 'preprovision', /does not let this login create the workspace Hubfront test/],
    ['POST /users', 'postprovision', /does not let this login add the identity of the job to the workspace/],
  ])('a missing permission (%s) is told with what to ask for', async (request, hook, message) => {
    if (hook !== 'preprovision') {
      await runHook('preprovision', azure.context());
      provisioned(azure);
    }
    azure.refuse(request, 403, { error: { code: 'PowerBINotAuthorizedException' } });
    const run = runHook(hook, azure.context());
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(
      /licence.*role Admin.*tenant settings.*can create workspaces, connections, and deployment pipelines.*azd provision again/,
    );
    await expect(run).rejects.toThrow(/PowerBINotAuthorizedException/);
  });

  it('waits where the service says so, and tries what passes again', async () => {
    azure.refuse('GET /powerbi/groups', 429, undefined, 2);
    azure.refuse('POST /listKeys', 503, undefined, 3);
    await up(azure);
    expect(sent()).toEqual(FIRST_RUN);
  });

  it('creates nothing twice when a response gets lost', async () => {
    azure.loseAnswer('POST /powerbi/groups');
    await expect(up(azure)).rejects.toThrow(/cannot be reached/);
    await up(azure);
    expect(azure.state.workspaces).toHaveLength(1);
  });

  it('gives up on a service that stays away, and says which', async () => {
    azure.refuse('GET /powerbi/groups', 500, { error: { message: 'Something went wrong' } });
    await expect(up(azure)).rejects.toThrow(
      /GET 127\.0\.0\.1:\d+\/powerbi\/groups returned 500: Something went wrong/,
    );
  });

  it('says where to look when no snapshot comes', async () => {
    azure.state.snapshotWorks = false;
    await expect(up(azure)).rejects.toThrow(/No product snapshot was written.*snapshotProducts/);
    expect(azure.state.job?.startModes).toEqual([]);
  });

  it('says where to look when the job fails to start, and starts it again in the next run', async () => {
    azure.state.startFails = true;
    await expect(up(azure)).rejects.toThrow(/failed to start.*activity log/);
    azure.state.startFails = false;
    await runHook('postdeploy', azure.context());
    expect(azure.state.job?.jobState).toBe('Running');
  });

  it('without a database writes an empty snapshot of the present minute', async () => {
    await runHook('preprovision', azure.context());
    provisioned(azure);
    azure.environment.PRODUCTS_FROM_DATABASE = 'false';
    const before = snapshotPath(new Date());
    await runHook('postdeploy', azure.context());
    const after = snapshotPath(new Date());
    expect(azure.state.snapshots).toHaveLength(2);
    expect([before, after]).toContain(azure.state.snapshots[0]?.path);
    expect(azure.state.snapshots[1]?.path).toBe(
      azure.state.snapshots[0]?.path.replace('products.json', 'skus.json'),
    );
    expect(azure.state.snapshots.map(({ text }) => text)).toEqual(['[]', '[]']);
  });

  it('writes the SKUs alone where an older deployment has only products', async () => {
    await runHook('preprovision', azure.context());
    provisioned(azure);
    azure.environment.PRODUCTS_FROM_DATABASE = 'false';
    azure.state.snapshots.push({ path: 'products/2026-01-01/00-00/products.json', text: '[{}]' });
    await runHook('postdeploy', azure.context());
    expect(azure.state.snapshots.map(({ path }) => path.split('/').at(-1))).toEqual([
      'products.json',
      'skus.json',
    ]);
  });

  it('tells a storage that lets nobody in from what could be done', async () => {
    await runHook('preprovision', azure.context());
    provisioned(azure);
    azure.refuse('GET /blob/', 403);
    await expect(runHook('postdeploy', azure.context())).rejects.toThrow(
      /cannot be reached.*within the network/,
    );
  });

  it('keeps its hands off Power BI where rows go to event hubs', async () => {
    azure.environment.ANALYTICS_OUTPUT = 'eventHub';
    await up(azure);
    expect(sent().filter((change) => /powerbi|fabric/.test(change))).toEqual([]);
  });

  it('shows no key and no token', async () => {
    await up(azure);
    expect(azure.said.join('\n')).not.toMatch(/generated-|master-key|test-token/);
  });
});
