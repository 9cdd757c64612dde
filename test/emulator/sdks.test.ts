import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Agent, request } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHubConsumerClient } from '@azure/event-hubs';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, POLICIES, type PolicyName, startEmulator } from '../../emulator/index';
import { Message, deviceClient, emulatorAgent, receiveEvents } from '../azureSdks';

const require = createRequire(import.meta.url);
const { Registry } = require('azure-iothub') as typeof IotHub;

let emulator: Emulator;
let caFolder: string;
let agent: Agent;

beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 4, caFolder });
  agent = emulatorAgent(emulator);
});
afterAll(async () => {
  agent.destroy();
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

function registry(policy: PolicyName = 'iothubowner'): IotHub.Registry {
  const made = Registry.fromConnectionString(emulator.connectionStrings.hub(policy));
  // The SDK's port is always 443: an agent is the way to another, as its own option for proxies.
  (
    made as unknown as { _restApiClient: { setOptions: (options: object) => void } }
  )._restApiClient.setOptions({ http: { agent } });
  return made;
}

async function keyOf(deviceId: string): Promise<string> {
  const { responseBody } = await registry().create({ deviceId });
  return responseBody.authentication?.symmetricKey?.primaryKey ?? '';
}

const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('it worked'),
    (error: unknown) => error as Error,
  );

describe('azure-iothub', () => {
  test('creates, reads, updates, lists and deletes device identities', async () => {
    const devices = registry();
    const { responseBody: made } = await devices.create({ deviceId: 'r-1' });
    expect((await devices.get('r-1')).responseBody.generationId).toBe(made.generationId);
    await devices.update({ deviceId: 'r-1', status: 'disabled' });
    expect((await devices.get('r-1')).responseBody.status).toBe('disabled');
    expect(
      (await devices.addDevices([{ deviceId: 'r-2' }, { deviceId: 'r-3' }])).responseBody.isSuccessful,
    ).toBe(true);
    expect((await devices.list()).responseBody.map(({ deviceId }) => deviceId)).toEqual(
      expect.arrayContaining(['r-1', 'r-2', 'r-3']),
    );
    await devices.delete('r-1');
    expect((await failure(devices.get('r-1'))).name).toBe('DeviceNotFoundError');
  });

  test('gets the errors of IoT Hub', async () => {
    await registry().create({ deviceId: 'e-1' });
    expect((await failure(registry().create({ deviceId: 'e-1' }))).name).toBe('DeviceAlreadyExistsError');
    expect((await failure(registry('registryRead').create({ deviceId: 'e-2' }))).name).toBe(
      'UnauthorizedError',
    );
    expect((await failure(registry('service').get('e-1'))).name).toBe('UnauthorizedError');
    expect((await registry('registryRead').get('e-1')).responseBody.deviceId).toBe('e-1');
  });
});

describe('azure-iot-device-http', () => {
  test('sends messages and batches, which arrive with the properties that IoT Hub adds', async () => {
    const client = deviceClient(emulator, agent, 'd-1', await keyOf('d-1'));
    const message = new Message(JSON.stringify({ t: 21 }));
    message.messageId = 'one';
    message.contentType = 'application/json';
    message.properties.add('Level', 'high');
    await client.sendEvent(message);
    await client.sendEventBatch([new Message('two'), new Message('three')]);
    await client.close();
    const events = await receive('service', 3);
    expect(events[0]).toMatchObject({
      messageId: 'one',
      contentType: 'application/json',
      body: { t: 21 },
      properties: { Level: 'high' },
      systemProperties: { 'iothub-connection-device-id': 'd-1', 'iothub-message-source': 'Telemetry' },
    });
  });

  test('is rejected with a wrong key, when disabled, and above 256 KB', async () => {
    const key = await keyOf('d-2');
    expect(
      (
        await failure(
          deviceClient(emulator, agent, 'd-2', Buffer.alloc(32).toString('base64')).sendEvent(
            new Message('x'),
          ),
        )
      ).name,
    ).toBe('UnauthorizedError');
    expect(
      (await failure(deviceClient(emulator, agent, 'unknown', key).sendEvent(new Message('x')))).name,
    ).toBe('UnauthorizedError');
    expect(
      (
        await failure(
          deviceClient(emulator, agent, 'd-2', key).sendEvent(new Message(Buffer.alloc(257 * 1024))),
        )
      ).name,
    ).toBe('MessageTooLargeError');
    await registry().update({ deviceId: 'd-2', status: 'disabled' });
    expect((await failure(deviceClient(emulator, agent, 'd-2', key).sendEvent(new Message('x')))).name).toBe(
      'DeviceNotFoundError',
    );
  });
});

const receive = (policy: PolicyName, count: number, group?: string) =>
  receiveEvents(emulator.connectionStrings.eventHub(policy), count, group);

/** The code of the error that a reader of one partition meets. */
function refusal(policy: PolicyName, group: string): Promise<unknown> {
  const client = new EventHubConsumerClient(group, emulator.connectionStrings.eventHub(policy), {
    retryOptions: { maxRetries: 0, timeoutInMs: 4_000 },
  });
  return new Promise((resolve) => {
    const subscription = client.subscribe('0', {
      processEvents: () => Promise.resolve(),
      processError: async (error) => {
        resolve((error as { code?: unknown }).code);
        await subscription.close();
        void client.close().catch(() => undefined);
      },
    });
  });
}

describe('@azure/event-hubs', () => {
  test.each(['$Default', 'message-feed', 'analytics'])('reads in the consumer group %s', async (group) => {
    emulator.admin.seed({ count: 1, deviceId: 'seeded' });
    expect((await receive('iothubowner', 1, group)).length).toBeGreaterThan(0);
  });

  test('is rejected with an unknown consumer group, or a policy that may not listen', async () => {
    expect(await refusal('service', 'nobody')).toBe('MessagingEntityNotFoundError');
    expect(await refusal('device', '$Default')).toBe('UnauthorizedError');
  });
});

describe('a SAS token', () => {
  const token = (resource: string, options: { policy?: PolicyName; key?: string; expires?: number } = {}) => {
    const { policy = 'iothubowner', expires = 4_000_000_000 } = options;
    const { key = POLICIES[policy].key } = options;
    const sr = encodeURIComponent(resource);
    const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${expires}`).digest('base64');
    return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${expires}&skn=${policy}`;
  };
  const get = (authorization: string): Promise<{ status: number; code: unknown }> =>
    new Promise((resolve, reject) => {
      request(
        {
          agent,
          host: emulator.hostName,
          path: '/devices/sas?api-version=2021-04-12',
          headers: { authorization },
        },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, code: response.headers['iothub-errorcode'] });
        },
      )
        .on('error', reject)
        .end();
    });

  test('is accepted while it is valid', async () => {
    await registry().create({ deviceId: 'sas' });
    expect((await get(token(emulator.hostName))).status).toBe(200);
    expect((await get(token(`${emulator.hostName}/devices/sas`))).status).toBe(200);
  });

  test.each([
    ['expired', () => token(emulator.hostName, { expires: 1_000_000_000 })],
    ['forged', () => token(emulator.hostName, { key: POLICIES.service.key })],
    ['of another hub', () => token('other.azure-devices.net')],
    ['of another device', () => token(`${emulator.hostName}/devices/sa`)],
    ['of a policy without the right', () => token(emulator.hostName, { policy: 'device' })],
    ['absent', () => ''],
  ])('that is %s is refused', async (_, make) => {
    expect(await get(make())).toMatchObject({ status: 401, code: 'IotHubUnauthorizedAccess' });
  });
});
