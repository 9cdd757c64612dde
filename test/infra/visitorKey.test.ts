import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHook } from '../../infra/hooks';
import { type FakeAzure, provisioned, startFakeAzure, up } from './fakeAzure';

/** The secret of visitors, against a local fake of the vault. */
describe('the secret of visitors', () => {
  let azure: FakeAzure;
  beforeEach(async () => {
    azure = await startFakeAzure();
  });
  afterEach(() => azure.close());
  const key = (): string | undefined => azure.state.secrets['visitor-key'];

  it('is created once, at random, and kept: a rotated one, too', async () => {
    await up(azure);
    expect(Buffer.from(key() ?? '', 'base64')).toHaveLength(64);
    expect(azure.state.references.VISITOR_KEY?.status).toBe('Resolved');
    const rotated = `bmV3,${key() ?? ''}`;
    azure.state.secrets['visitor-key'] = rotated;
    await up(azure);
    expect(key()).toBe(rotated);
    expect(azure.said.join()).not.toContain(rotated.slice('bmV3,'.length));
  });

  it('differs between deployments', async () => {
    await up(azure);
    const first = key();
    delete azure.state.secrets['visitor-key'];
    await up(azure);
    expect(key()).not.toBe(first);
  });

  it('exists before an app that runs already is told to read it', async () => {
    provisioned(azure);
    await runHook('preprovision', azure.context());
    expect(key()).toBeDefined();
  });

  it('waits for a vault that the deployment takes back', async () => {
    provisioned(azure);
    azure.state.deletedVaults.push({ name: 'kv-test', location: 'westeurope', environment: 'test' });
    await runHook('preprovision', azure.context());
    expect(key()).toBeUndefined();
    azure.state.deletedVaults.pop();
    await runHook('postprovision', azure.context());
    expect(key()).toBeDefined();
  });

  it('is left out where visitors are off', async () => {
    azure.environment.VISITOR_DEVICES = '0';
    delete azure.state.references.VISITOR_KEY;
    await up(azure);
    expect(key()).toBeUndefined();
  });
});
