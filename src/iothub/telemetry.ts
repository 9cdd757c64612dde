import type { Agent } from 'node:https';
import { Client, Message } from 'azure-iot-device';
import { Http as DeviceTransport } from 'azure-iot-device-http/dist/http.js';
import { NoRetry } from 'azure-iot-common';
import { Http } from 'azure-iot-http-base';
import { LRUCache } from 'lru-cache';
import { Problem } from '../problems';
import type { Settings } from '../settings';
import { HUB_DEADLINE_MS, withDeadline } from './deadline';
import { deviceProblem, isConnectionLoss } from './errors';
import { SharedAccessKeyAuthentication } from './sharedAccessKey';

/** Device clients that are kept for their next message: enough for the devices of a busy minute, some 10 MB. */
const MAX_CLIENTS = 5_000;
/** IoT Hub: 256 KB for body, system properties and application properties (iot-hub-devguide-quotas-throttling). */
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** One device-to-cloud message, checked by the caller for what HTTPS can carry. */
export interface TelemetryMessage {
  /** any JSON value */
  data: unknown;
  messageId: string;
  properties: Readonly<Record<string, string>>;
}

export interface Telemetry {
  /**
   * Sends one message as a device; when it resolves the hub has stored the message.
   *
   * What reaches the hub is `{"deviceId", "Data"}`, content type `application/json`, encoding `utf-8`.
   *
   * @throws {Problem} `device_unauthorized`, `message_too_large`, `hub_throttled`, `hub_quota_exceeded`,
   * `hub_unavailable`, `hub_timeout`
   */
  send: (device: { deviceId: string; deviceKey: string }, message: TelemetryMessage) => Promise<void>;
  close: () => void;
}

export function createTelemetry({ hubHostName }: Settings, agent: Agent): Telemetry {
  const http = new Http();
  http.setOptions({ http: { agent } });

  /** Only clients that the hub has let in: a flood of wrong keys cannot push them out. */
  const clients = new LRUCache<string, Client>({
    max: MAX_CLIENTS,
    dispose: (client) => {
      closeClient(client);
    },
  });

  function createClient(deviceId: string, deviceKey: string): Client {
    const authentication = new SharedAccessKeyAuthentication(hubHostName, deviceId, deviceKey);
    const client = new Client(new DeviceTransport(authentication, http));
    client.setRetryPolicy(new NoRetry());
    return client;
  }

  async function deliver(client: Client, message: Message): Promise<void> {
    try {
      await client.sendEvent(message);
    } catch (error) {
      if (!isConnectionLoss(error)) throw error;
      // The hub may have closed an idle connection just as it was used, or have stored the message: sending the same
      // message id once more is safe, since consumers can tell a repetition by it.
      await client.sendEvent(message);
    }
  }

  return {
    send: async ({ deviceId, deviceKey }, message) => {
      const key = `${deviceId}\n${deviceKey}`;
      const known = clients.get(key);
      const client = known ?? createClient(deviceId, deviceKey);
      try {
        const hubMessage = toHubMessage(deviceId, message);
        await withDeadline(deliver(client, hubMessage), HUB_DEADLINE_MS, 'sending a message');
        if (!known) keep(key, client);
      } catch (error) {
        const problem = deviceProblem(error);
        if (!known) closeClient(client);
        else if (problem.code === 'device_unauthorized') clients.delete(key);
        throw problem;
      }
    },
    close: () => {
      clients.clear();
    },
  };

  function keep(key: string, client: Client): void {
    if (clients.has(key)) closeClient(client);
    else clients.set(key, client);
  }
}

function toHubMessage(deviceId: string, { data, messageId, properties }: TelemetryMessage): Message {
  const body = envelope(deviceId, data);
  const message = new Message(body);
  message.messageId = messageId;
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  let bytes =
    Buffer.byteLength(body) + messageId.length + message.contentType.length + message.contentEncoding.length;
  for (const [name, value] of Object.entries(properties)) {
    message.properties.add(name, value);
    bytes += name.length + value.length;
  }
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new Problem(
      'message_too_large',
      `The message takes ${bytes} bytes with its properties; IoT Hub takes ${MAX_MESSAGE_BYTES}.`,
    );
  }
  return message;
}

function envelope(deviceId: string, data: unknown): string {
  try {
    return JSON.stringify({ deviceId, Data: data });
  } catch (error) {
    if (error instanceof RangeError)
      throw new Problem('invalid_request', 'deviceMessage is nested too deeply.');
    throw error;
  }
}

/** Over HTTPS there is no connection to close: this only drops the client's token and listeners. */
function closeClient(client: Client): void {
  client.close(() => undefined);
}
