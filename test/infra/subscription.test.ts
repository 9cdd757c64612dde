import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHook } from '../../infra/hooks';
import { type FakeAzure, startFakeAzure } from './fakeAzure';

describe('what the hooks check before a deployment', () => {
  let azure: FakeAzure;
  beforeEach(async () => {
    azure = await startFakeAzure();
  });
  afterEach(() => azure.close());
  const preprovision = (options?: { whatIf: boolean }): Promise<void> =>
    runHook('preprovision', azure.context(options));

  it.each([
    ['northeurope', /Stream Analytics and Functions Flex Consumption cannot be deployed to northeurope/],
    ['eastus', /IoT Hub and Stream Analytics cannot be deployed to eastus/],
  ])('%s lacks services, which are named before anything is created', async (location, says) => {
    azure.environment.AZURE_LOCATION = location;
    await expect(preprovision()).rejects.toThrow(says);
    expect(azure.changes).toEqual([]);
  });

  it.each(['PRIVATE_NETWORKING', 'NAT_GATEWAY'])(
    '%s: registers Microsoft.App and waits for it',
    async (option) => {
      azure.environment[option] = 'true';
      await preprovision();
      expect(azure.changes[0]).toBe('POST /arm/subscriptions/sub/providers/Microsoft.App/register');
      expect(azure.state.providers['Microsoft.App']?.state).toBe('Registered');
      azure.changes.splice(0);
      await preprovision();
      expect(azure.changes).toEqual([]);
    },
  );

  it('registers nothing without a virtual network, or in a what-if', async () => {
    await preprovision();
    azure.environment.PRIVATE_NETWORKING = 'true';
    await preprovision({ whatIf: true });
    expect(azure.state.providers['Microsoft.App']?.state).toBe('NotRegistered');
    expect(azure.said).toContain('would register the resource provider Microsoft.App');
  });

  it('says who must register it when this login may not', async () => {
    azure.environment.PRIVATE_NETWORKING = 'true';
    azure.refuse('POST /Microsoft.App/register', 403, {
      error: { code: 'AuthorizationFailed', message: 'No.' },
    });
    await expect(preprovision()).rejects.toThrow(
      /needs the resource provider Microsoft\.App.*AuthorizationFailed.*az provider register --namespace Microsoft\.App/,
    );
  });

  it('recovers a deleted vault of this environment and region, and no other', async () => {
    azure.state.deletedVaults = [
      { name: 'kv-other', location: 'westeurope', environment: 'other' },
      { name: 'kv-elsewhere', location: 'eastus', environment: 'test' },
    ];
    await preprovision();
    expect(azure.environment.RECOVER_KEY_VAULT).toBeUndefined();
    azure.state.deletedVaults.push({ name: 'kv-test', location: 'West Europe', environment: 'test' });
    await preprovision();
    expect(azure.environment.RECOVER_KEY_VAULT).toBe('true');
    expect(azure.said).toContain('Key Vault: kv-test was deleted and will be recovered with its secrets');
    azure.state.deletedVaults.pop();
    await preprovision();
    expect(azure.environment.RECOVER_KEY_VAULT).toBe('false');
  });

  it('asks nothing before azd knows the subscription', async () => {
    delete azure.environment.AZURE_SUBSCRIPTION_ID;
    azure.environment.ANALYTICS_OUTPUT = 'eventHub';
    await preprovision();
  });
});
