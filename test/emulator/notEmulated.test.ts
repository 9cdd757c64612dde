/** What the emulator does not support, as the unmodified azure-iothub meets it. */

import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emulatorAgent } from '../azureSdks';
import { startHub, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { JobClient, Registry } = require('azure-iothub');

let hub: TestHub;
let agent: ReturnType<typeof emulatorAgent>;
let jobs: any;
let registry: any;
beforeAll(async () => {
  hub = await startHub();
  agent = emulatorAgent(hub.emulator);
  const connectionString = hub.emulator.connectionStrings.hub('iothubowner');
  jobs = JobClient.fromConnectionString(connectionString);
  registry = Registry.fromConnectionString(connectionString);
  for (const client of [jobs, registry]) client._restApiClient.setOptions({ http: { agent } });
});
afterAll(async () => {
  agent.destroy();
  await hub.close();
});

const content = { deviceContent: { 'properties.desired.interval': 5 } };
const configuration = { id: 'c', schemaVersion: '1.0', content, targetCondition: '*', priority: 1 };

test.each<[string, string, () => Promise<unknown>]>([
  ['getJob', 'scheduled jobs', () => jobs.getJob('j')],
  ['createQuery', 'scheduled jobs', () => jobs.createQuery().next()],
  ['cancelJob', 'scheduled jobs', () => jobs.cancelJob('j')],
  [
    'scheduleTwinUpdate',
    'scheduled jobs',
    () => jobs.scheduleTwinUpdate('j', '*', { tags: { a: 1 } }, new Date(), 60),
  ],
  [
    'scheduleDeviceMethod',
    'scheduled jobs',
    () => jobs.scheduleDeviceMethod('j', '*', { methodName: 'm', payload: {} }, new Date(), 60),
  ],
  ['addConfiguration', 'configurations', () => registry.addConfiguration(configuration)],
  ['getConfiguration', 'configurations', () => registry.getConfiguration('c')],
  ['getConfigurations', 'configurations', () => registry.getConfigurations()],
  ['removeConfiguration', 'configurations', () => registry.removeConfiguration('c')],
  [
    'applyConfigurationContentOnDevice',
    'configurations',
    () => registry.applyConfigurationContentOnDevice('d', content),
  ],
])('%s fails at once, and the error names %s', async (_, about, operation) => {
  const error = await operation().catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(Error);
  const { message, responseBody } = error as Error & { responseBody?: string };
  expect(`${message} ${responseBody ?? ''}`).toContain(`does not support ${about}`);
});

test.each([
  ['POST', '/jobs/v2', 'scheduled jobs'],
  ['GET', '/jobs/v2', 'scheduled jobs'],
  ['DELETE', '/jobs/v2', 'scheduled jobs'],
  ['PUT', '/jobs/v2/j', 'scheduled jobs'],
  ['POST', '/jobs/v2/j/cancel', 'scheduled jobs'],
  ['POST', '/configurations', 'configurations'],
  ['POST', '/configurations/testQueries', 'configurations'],
])('%s %s is refused by name', async (method, path, about) => {
  const { status, json } = await hub.call(method, path, method.startsWith('P') ? {} : undefined);
  expect(status).toBe(501);
  expect(json.Message).toContain(`does not support ${about}`);
});
