import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHubConsumerClient } from '@azure/event-hubs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandLine } from '../../emulator/commandLine';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../emulator/index';
import { Message, deviceClient, emulatorAgent, receiveEvents } from '../azureSdks';

let caFolder: string;
let emulator: Emulator | undefined;
beforeEach(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  await emulator?.close();
  await rm(caFolder, { recursive: true, force: true });
});
const start = async (options: EmulatorOptions): Promise<Emulator> =>
  (emulator = await startEmulator({ caFolder, ...options }));

test('a hub of another name and other consumer groups, from device to reader', async () => {
  const hub = await start({ hub: 'Shop-1', consumerGroups: ['billing'], partitions: 2 });
  expect(hub).toMatchObject({ hostName: 'shop-1.azure-devices.localhost', eventHubName: 'shop-1' });
  expect(hub.consumerGroups).toEqual(['$Default', 'billing']);
  const key = await registerDevice(hub, 'd');
  const agent = emulatorAgent(hub);
  const device = deviceClient(hub, agent, 'd', key);
  await device.sendEvent(new Message('"hello"'));
  await device.close();
  agent.destroy();
  const [event] = await receiveEvents(hub.connectionStrings.eventHub('service'), 1, 'billing');
  expect(event?.body).toBe('hello');
  const reader = new EventHubConsumerClient('billing', hub.connectionStrings.eventHub('service'));
  expect(await reader.getEventHubProperties()).toMatchObject({ name: 'shop-1', partitionIds: ['0', '1'] });
  await reader.close();
});

/** Through the registry's own protocol, as an operator would. */
async function registerDevice(hub: Emulator, deviceId: string): Promise<string> {
  const { Registry } = createRequire(import.meta.url)('azure-iothub');
  const registry = Registry.fromConnectionString(hub.connectionStrings.hub('iothubowner'));
  const agent = emulatorAgent(hub);
  registry._restApiClient.setOptions({ http: { agent } });
  const { responseBody } = await registry.create({ deviceId });
  agent.destroy();
  return responseBody.authentication.symmetricKey.primaryKey;
}

test('a full host name is used unchanged', async () => {
  const hub = await start({ hub: 'store.example.com' });
  expect(hub).toMatchObject({ hostName: 'store.example.com', eventHubName: 'store' });
});

// Only Linux has all addresses of 127.0.0.0/8 without configuration.
test.runIf(process.platform === 'linux')('another address to listen on is used everywhere', async () => {
  const hub = await start({ listen: '127.0.0.2', proxyPort: 0 });
  expect(hub.endpoint).toBe(`https://127.0.0.2:${hub.hubPort}`);
  const status = await new Promise((resolve, reject) => {
    const url = `${hub.endpoint}/health`;
    get(url, { ca: hub.ca, agent: false }, (response) => resolve(response.resume().statusCode)).on(
      'error',
      reject,
    );
  });
  expect(status).toBe(200);
  const reader = new EventHubConsumerClient('$Default', hub.connectionStrings.eventHub('service'));
  expect(await reader.getEventHubProperties()).toMatchObject({ name: 'hubfront' });
  await reader.close();
});

test('a start that finds a port in use does not touch the data folder', async () => {
  const { hubPort, amqpPort, mqttPort } = await start({});
  const dataFolder = join(caFolder, 'data');
  for (const ports of [{ amqpPort }, { amqpsPort: mqttPort }, { mqttPort: hubPort }]) {
    await expect(startEmulator({ caFolder, dataFolder, ...ports })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port: Object.values(ports)[0],
    });
  }
  expect(existsSync(dataFolder)).toBe(false);
});

test('messages are kept only for the retention time', async () => {
  const SECONDS_PER_DAY = 86_400;
  const hub = await start({ partitions: 1, retentionDays: 0.3 / SECONDS_PER_DAY });
  hub.admin.seed({ count: 3 });
  expect(hub.admin.state().messages).toBe(3);
  await expect.poll(() => hub.admin.state().messages).toBe(0);
  expect(hub.admin.state().partitions[0]).toMatchObject({ beginSequenceNumber: 3, lastSequenceNumber: 2 });
});

describe('an option that is out of range is rejected:', () => {
  test.each<[EmulatorOptions, string]>([
    [{ hub: 'under_score' }, 'neither a hub name'],
    [{ hub: '' }, 'neither a hub name'],
    [{ consumerGroups: ['with space'] }, 'is not a consumer group'],
    [{ consumerGroups: Array.from({ length: 20 }, (_, n) => `g${n}`) }, 'at most 20 consumer groups'],
    [{ partitions: 0 }, 'partitions'],
    [{ partitions: 33 }, 'partitions'],
    [{ retentionDays: 0 }, 'retentionDays'],
    [{ retentionDays: 8 }, 'retentionDays'],
    [{ dataFolder: '' }, 'dataFolder must not be empty'],
    [{ caFolder: '' }, 'caFolder must not be empty'],
    [{ seed: '' }, 'seed must not be empty'],
    [{ storage: '' }, 'storage must not be empty'],
    [{ amqpPort: 65_535, hub: ['shop', 'store'] }, 'the AMQP port 65535 is too high for 2 hubs'],
    [{ allowedHosts: ['good.example', 'https://bad.example'] }, "'https://bad.example' is not a host name"],
    [{ allowedHosts: ['*.example'] }, "'*.example' is not a host name"],
    [{ allowedHosts: ['bad.example:8443'] }, "'bad.example:8443' is not a host name"],
  ])('%j', async (options, reason) => {
    await expect(start(options)).rejects.toThrow(reason);
  });
});

test('host names of each valid form are allowed', async () => {
  const names = ['iothub', 'my_container', 'a.Example', '.tunnel.example', '192.0.2.1', '[2001:db8::1]'];
  expect((await start({ allowedHosts: names })).health().status).toBe('ready');
});

test('a folder of the certificate authority that cannot be used is named', async () => {
  const file = join(caFolder, 'file');
  await writeFile(file, '');
  for (const folder of [file, join(file, 'below')]) {
    const reason = `the folder of the certificate authority ${folder} cannot be used`;
    await expect(start({ caFolder: folder })).rejects.toThrow(reason);
  }
});

/** Such as `--data "$FOLDER"`, with a variable that is not set. */
test.each(['--data', '--seed', '--ca-folder', '--storage', '--storage-container'])(
  'the command line rejects an empty text after %s',
  async (flag) => {
    const command = commandLine(() => Promise.reject(new Error('the emulator must not start')));
    command.exitOverride().configureOutput({ writeErr: () => undefined });
    const rejection = expect(command.parseAsync([flag, ''], { from: 'user' })).rejects;
    await rejection.toThrow(new RegExp(`option '${flag} .* is invalid. It must not be empty`));
  },
);

test('the command line names a wrong host name to allow', async () => {
  const command = commandLine(() => Promise.reject(new Error('the emulator must not start')));
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  const rejection = expect(
    command.parseAsync(['--allowed-hosts', 'good.example, http://bad.example'], { from: 'user' }),
  ).rejects;
  await rejection.toThrow(/--allowed-hosts .*'http:\/\/bad.example' is not a host name to allow/);
});
