import { mkdtemp, rm } from 'node:fs/promises';
import type { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type * as IotDevice from 'azure-iot-device';
import type * as IotHub from 'azure-iothub';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { POLICIES, startEmulator } from '../../emulator/index';
import { deviceClient, emulatorAgent, Message, mqttDevice, receiveEvents } from '../azureSdks';
import { openFeedClient } from '../feedClient';
import { runs } from '../testSize';
import { openService } from './amqpService';
import { type EmulatorProcess, type ProcessOptions, startEmulatorProcess } from './emulatorProcess';

const require = createRequire(import.meta.url);
const iotHub = require('azure-iothub') as typeof IotHub;

const START_TIMEOUT_MS = 60_000;

let folder: string;
let running: EmulatorProcess[] = [];
let agents: Agent[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  for (const agent of agents) agent.destroy();
  agents = [];
  await Promise.all(running.map((hub) => hub.kill()));
  running = [];
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Omit<ProcessOptions, 'folder'> = {}): Promise<EmulatorProcess> {
  const hub = await startEmulatorProcess({ folder, ...options });
  running.push(hub);
  return hub;
}

function agentFor(hub: EmulatorProcess): Agent {
  const agent = emulatorAgent(hub);
  agents.push(agent);
  return agent;
}

function registryOf(hub: EmulatorProcess): IotHub.Registry {
  const registry = iotHub.Registry.fromConnectionString(hub.connectionStrings.hub('iothubowner'));
  (registry as any)._restApiClient.setOptions({ http: { agent: agentFor(hub) } });
  return registry;
}

async function register(hub: EmulatorProcess, deviceId: string): Promise<string> {
  const { responseBody } = await registryOf(hub).create({ deviceId });
  return responseBody.authentication?.symmetricKey?.primaryKey ?? '';
}

/** Sends cloud-to-device messages as a service, with Microsoft's SDK. */
async function sendToDevice(hub: EmulatorProcess, deviceId: string, texts: readonly string[]): Promise<void> {
  const service = await openService(hub);
  for (const text of texts) await service.send(deviceId, new Message(text) as never);
  await service.close();
}

/** The next cloud-to-device message, over HTTPS. */
function receive(client: IotDevice.Client): Promise<any> {
  const transport = (client as any)._transport;
  return new Promise((resolve) => {
    transport.once('message', resolve);
    transport._ensureAgentString(() => transport.receive());
  });
}

const feedSettings = (hub: EmulatorProcess) => ({
  IOTHUB_HOSTNAME: hub.hostName,
  IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
  IOTHUB_EVENTHUB_CONNECTION: hub.connectionStrings.eventHub('service'),
  MESSAGE_POLL_CONSUMERGROUP: 'message-feed',
});

test(
  'a killed hub continues: devices, twins, queues, messages, and the position of the feed',
  async () => {
    let hub = await start();
    const key = await register(hub, 'fridge');
    await register(hub, 'gone');
    const before = (await registryOf(hub).get('fridge')).responseBody;
    const { responseBody: twin } = await registryOf(hub).updateTwin(
      'fridge',
      { tags: { store: 7 }, properties: { desired: { interval: 5 } } },
      '*',
    );
    const device = await mqttDevice(hub, 'fridge', key);
    const { properties } = await device.getTwin();
    await promisify(properties.reported.update)({ door: 'open' });
    await device.sendEvent(new Message('"first"'));
    await device.close();
    await sendToDevice(hub, 'fridge', ['one', 'two', 'three']);
    const http = deviceClient(hub, agentFor(hub), 'fridge', key);
    await http.complete(await receive(http));
    await http.abandon(await receive(http));
    await http.sendEventBatch([new Message('"second"'), new Message('"third"')]);
    await registryOf(hub).delete('gone');
    const emptiedKey = await register(hub, 'emptied');
    await sendToDevice(hub, 'emptied', ['one']);
    const { responseBody: withOne } = await registryOf(hub).get('emptied');
    await registryOf(hub).update(Object.assign(withOne, { statusReason: 'stored while a message waits' }));
    const emptied = deviceClient(hub, agentFor(hub), 'emptied', emptiedKey);
    await emptied.complete(await receive(emptied));
    let feed = openFeedClient(feedSettings(hub));
    const page = await feed.poll('0', { limit: 2 });
    feed.close();
    expect(page.messages).toHaveLength(2);
    const createdAt = (await stateOf(hub)).createdAt;

    await expect(startEmulator({ caFolder: folder, dataFolder: join(folder, 'data') })).rejects.toThrow(
      /^the data folder \S+ is used by another emulator \(process \d+\)$/,
    );
    await hub.kill();
    hub = await start();

    const registry = registryOf(hub);
    const { responseBody: after } = await registry.get('fridge');
    expect(after).toMatchObject({
      etag: before.etag,
      generationId: (before as any).generationId,
      authentication: before.authentication,
      cloudToDeviceMessageCount: 2,
    });
    await expect(registry.get('gone')).rejects.toThrow();
    expect((await registry.get('emptied')).responseBody).toMatchObject({
      statusReason: 'stored while a message waits',
      cloudToDeviceMessageCount: 0,
    });
    const { responseBody: twinAfter } = await registry.getTwin('fridge');
    expect(twinAfter).toMatchObject({
      etag: twin.etag,
      tags: { store: 7 },
      properties: { desired: twin.properties.desired, reported: { door: 'open', $version: 2 } },
    });
    const again = deviceClient(hub, agentFor(hub), 'fridge', key);
    const [second, third] = [await receive(again), await receive(again)];
    expect([second.data.toString(), third.data.toString()]).toEqual(['two', 'three']);
    await again.sendEvent(new Message('"fourth"'));
    await sendToDevice(hub, 'fridge', ['four']);
    expect((await receive(again)).data.toString()).toBe('four');

    feed = openFeedClient(feedSettings(hub));
    const rest = await feed.poll(page.next_offset);
    feed.close();
    expect(rest.reset).toBeUndefined();
    expect(rest.gaps).toEqual([]);
    const all = [...page.messages, ...rest.messages];
    expect(all.map(({ body }) => body)).toEqual(['first', 'second', 'third', 'fourth']);
    expect(all.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2, 3]);
    expect(new Set(all.map(({ partitionId }) => partitionId)).size).toBe(1);
    expect((await stateOf(hub)).createdAt).toBe(createdAt);
    await hub.stop();
    expect(hub.output()).not.toContain('removed an incomplete write');
  },
  2 * START_TIMEOUT_MS,
);

async function stateOf(hub: EmulatorProcess): Promise<any> {
  const { fetch, Agent: Dispatcher } = await import('undici');
  const dispatcher = new Dispatcher({ connect: { ca: hub.ca } });
  const response = await fetch(`${hub.endpoint}/_emulator/state`, { dispatcher });
  const state = await response.json();
  await dispatcher.close();
  return state;
}

describe('a hub that is killed again and again', () => {
  const SENDS = runs(600, 100_000);
  const KILLS = runs(2, 40);
  const HTTP_DEVICES = ['http-0', 'http-1', 'http-2'];
  const MQTT_DEVICES = ['mqtt-0', 'mqtt-1', 'mqtt-2'];
  /** Messages on their way at the same time, for each device. */
  const WINDOW = runs(4, 16);
  /** Such a round ends right after the response to a single message, when a late write has had no time yet. */
  const isCalm = (round: number) => round % 2 === 0;

  test(
    `has each of ${SENDS} acknowledged messages once, in order and without a gap`,
    { tags: 'full', timeout: (KILLS + 1) * START_TIMEOUT_MS },
    async () => {
      const keys = new Map<string, string>();
      const acknowledged = new Set<string>();
      let sent = 0;
      let hub = await start();
      for (const deviceId of [...MQTT_DEVICES, ...HTTP_DEVICES]) {
        keys.set(deviceId, await register(hub, deviceId));
      }
      for (let round = 1; round <= KILLS + 1; round++) {
        const goal = Math.ceil((SENDS * round) / (KILLS + 1));
        const killAt = round > KILLS ? Infinity : goal - Math.floor(Math.random() * WINDOW);
        await new Promise<void>((resolve, reject) => {
          const over = new AbortController();
          const end = () => {
            if (over.signal.aborted) return;
            over.abort();
            if (killAt === Infinity) resolve();
            else void hub.kill().then(resolve);
          };
          const sendLoop = async (client: IotDevice.Client, deviceId: string) => {
            while (!over.signal.aborted && acknowledged.size < goal) {
              const message = new Message('{}');
              message.messageId = `${deviceId}/${sent++}`;
              try {
                await client.sendEvent(message);
              } catch (error) {
                over.signal.throwIfAborted();
                throw error;
              }
              acknowledged.add(message.messageId);
              if (acknowledged.size >= Math.min(killAt, goal)) end();
            }
          };
          const agent = agentFor(hub);
          const window = isCalm(round) ? 1 : WINDOW;
          const senders = [...keys].slice(0, isCalm(round) ? 1 : keys.size);
          for (const [deviceId, key] of senders) {
            const opened = HTTP_DEVICES.includes(deviceId)
              ? Promise.resolve(deviceClient(hub, agent, deviceId, key))
              : mqttDevice(hub, deviceId, key);
            opened
              .then((client) => {
                client.on('error', () => undefined);
                return Promise.all(Array.from({ length: window }, () => sendLoop(client, deviceId)));
              })
              .catch((error: unknown) => {
                if (!over.signal.aborted) throw error;
              })
              .catch(reject);
          }
        });
        if (killAt !== Infinity) hub = await start();
      }
      const { messages } = await stateOf(hub);
      const events = await receiveEvents(hub.connectionStrings.eventHub('service'), messages);
      const received = events.map(({ messageId }) => String(messageId));
      expect(acknowledged.size).toBeGreaterThanOrEqual(SENDS);
      const stored = new Set(received);
      expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
      expect(stored.size).toBe(received.length);
      const partitions = new Map<string, number[]>();
      for (const { partitionId, sequenceNumber } of events) {
        const numbers = partitions.get(partitionId) ?? [];
        numbers.push(sequenceNumber);
        partitions.set(partitionId, numbers);
      }
      for (const numbers of partitions.values()) {
        expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index));
      }
    },
  );
});
