import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { EventHubConsumerClient, type ReceivedEventData, earliestEventPosition } from '@azure/event-hubs';
import type * as IotCommon from 'azure-iot-common';
import type * as IotDevice from 'azure-iot-device';
import type * as IotHub from 'azure-iothub';
import type { Emulator } from '../emulator/index';

/** What the SDKs need of an emulator, in this process or in its own. */
type HubAddress = Pick<Emulator, 'hubPort' | 'ca' | 'connectionStrings'>;

const require = createRequire(import.meta.url);
/** As CommonJS: their exports by name are not seen from ES modules. */
export const { Client, Message } = require('azure-iot-device') as typeof IotDevice;
const { Http } = require('azure-iot-device-http') as { Http: new () => never };
const { Registry } = require('azure-iothub') as typeof IotHub;
const { NoRetry } = require('azure-iot-common') as typeof IotCommon;

/** Leads the SDKs, which always use port 443, to the emulator. */
export function emulatorAgent(emulator: HubAddress): Agent {
  return new Agent({ keepAlive: true, host: '127.0.0.1', port: emulator.hubPort, ca: emulator.ca });
}

/** Microsoft's client of the identity registry, with the owner's policy. */
export function registryClient(emulator: HubAddress): IotHub.Registry {
  const registry = Registry.fromConnectionString(emulator.connectionStrings.hub('iothubowner'));
  // The SDK has no public option for an agent.
  (registry as any)._restApiClient.setOptions({ http: { agent: emulatorAgent(emulator) } });
  return registry;
}

/** Microsoft's device client over HTTPS, which tries once. */
export function deviceClient(
  emulator: HubAddress,
  agent: Agent,
  deviceId: string,
  key: string,
): IotDevice.Client {
  const client = Client.fromConnectionString(emulator.connectionStrings.device(deviceId, key), Http);
  client.setRetryPolicy(new NoRetry());
  void client.setOptions({ http: { agent } });
  return client;
}

/** Microsoft's device client over MQTT, which tries once. */
export async function mqttDevice(
  hub: HubAddress & Pick<Emulator, 'mqttPort'>,
  deviceId: string,
  key: string,
): Promise<IotDevice.Client> {
  const { Mqtt } = require('azure-iot-device-mqtt') as { Mqtt: new () => never };
  const connectionString = hub.connectionStrings.device(deviceId, key);
  const address = `GatewayHostName=127.0.0.1:${hub.mqttPort}`;
  const client = Client.fromConnectionString(`${connectionString};${address}`, Mqtt);
  client.setRetryPolicy(new NoRetry());
  await client.setOptions({ ca: hub.ca });
  await client.open();
  return client;
}

/** The first events of a hub, of all partitions as they come, by Microsoft's own client. */
export async function receiveEvents(
  connectionString: string,
  count: number,
  group = '$Default',
): Promise<(ReceivedEventData & { partitionId: string })[]> {
  const client = new EventHubConsumerClient(group, connectionString, {
    retryOptions: { maxRetries: 0, timeoutInMs: 4_000 },
  });
  try {
    return await new Promise((resolve, reject) => {
      const events: (ReceivedEventData & { partitionId: string })[] = [];
      client.subscribe(
        {
          processEvents: (batch, { partitionId }) => {
            events.push(...batch.map((event) => ({ ...event, partitionId })));
            if (events.length >= count) resolve(events);
            return Promise.resolve();
          },
          processError: (error) => {
            reject(error);
            return Promise.resolve();
          },
        },
        { startPosition: earliestEventPosition, maxBatchSize: 100 },
      );
    });
  } finally {
    void client.close().catch(() => undefined); // after a failure it may never settle
  }
}
