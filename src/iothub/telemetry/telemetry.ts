/** Sends messages to the hub as a device or a visitor, and splits batches that the hub rejects. */

import type { Client } from 'azure-iot-device';
import { Problem } from '../../errorCodes';
import type { Settings } from '../../settings';
import { packBatches } from './batch';
import { withTimeLimit } from '../../resilience/deadline';
import { type Device, createDeviceClients } from './deviceClients';
import { deviceProblem } from '../errors';
import { createConnectionPool, openPoolConnection } from './connectionPool';
import { withRetries } from '../../resilience/retry';
import { createGateways } from './gateways';
import { type SendOutcome, isOfOneMessage } from './sendOutcome';
import { DeviceMessage, type TelemetryMessage, toDeviceMessage } from './telemetryMessage';
import { VISITOR_PROPERTY } from '../../visitors';

export interface Telemetry {
  /**
   * Sends messages as a device, in order, with as few requests to the hub as its limits allow.
   *
   * The hub stores all messages of a request or none. If it rejects a request because of one message, the request is
   * split until each message has its own outcome. Lost connections and server errors are retried until the deadline,
   * with the same message ids: the hub may already have stored the message. Retryable problems have
   * `retryAfterSeconds`.
   *
   * @returns in the order of `messages`: undefined if the hub has stored the message, or `invalid_message_id`,
   * `invalid_property`, `message_too_large`, `invalid_request`, `device_unauthorized`, `hub_throttled`,
   * `hub_quota_exceeded`, `hub_unavailable`, `hub_timeout`
   */
  send: (device: Device, messages: readonly TelemetryMessage[]) => Promise<SendOutcome[]>;
  /**
   * Sends messages of a visitor, through its gateway, in batches that it shares with other visitors.
   *
   * @param ensureGateway registers the gateway if it does not exist, and sets its keys
   */
  sendAsVisitor: (
    visitorId: string,
    messages: readonly TelemetryMessage[],
    ensureGateway: (gatewayId: string) => Promise<void>,
  ) => Promise<SendOutcome[]>;
  /** Opens a connection to the hub. @throws {Problem} `hub_unavailable`, `hub_timeout` */
  warmUp: () => Promise<void>;
  close: () => void;
}

export function createTelemetry(settings: Settings): Telemetry {
  const { hubHostName, hubDeadlineMs } = settings;
  const pool = createConnectionPool(settings);
  const clients = createDeviceClients(hubHostName, pool);

  const gateways = createGateways(settings, clients, sendAll);

  return {
    sendAsVisitor: async (visitorId, messages, ensureGateway) => {
      const deadline = performance.now() + hubDeadlineMs;
      const read = messages.map((message) =>
        prepared(visitorId, message, undefined, { [VISITOR_PROPERTY]: visitorId }),
      );
      const sendable = read.filter((message) => message instanceof DeviceMessage);
      const outcomes = await gateways.send(visitorId, sendable, deadline, ensureGateway);
      return read.map((message) => (message instanceof Problem ? message : outcomes.shift()));
    },
    send: (device, messages) =>
      withTimeLimit(hubDeadlineMs, async (signal) => {
        const outcomes = new Map<TelemetryMessage, SendOutcome>();
        const sendable = new Map<DeviceMessage, TelemetryMessage>();
        for (const message of messages) {
          const read = prepared(device.deviceId, message, signal);
          if (read instanceof Problem) outcomes.set(message, read);
          else sendable.set(read, message);
        }
        const client = clients.take(device);
        const judged = await sendAll(client, packBatches([...sendable.keys()]), signal);
        for (const [sent, outcome] of judged) {
          const message = sendable.get(sent);
          if (message) outcomes.set(message, outcome);
        }
        const all = messages.map((message) => outcomes.get(message));
        if (all.some((outcome) => outcome === undefined)) clients.keep(device, client);
        else if (all.some((outcome) => outcome?.code === 'device_unauthorized')) clients.drop(device, client);
        return all;
      }),
    warmUp: () => openPoolConnection(settings, pool),
    close: () => {
      clients.close();
      pool.close();
    },
  };
}

function prepared(
  deviceId: string,
  message: TelemetryMessage,
  signal: AbortSignal | undefined,
  ownProperties: TelemetryMessage['properties'] = {},
): DeviceMessage | Problem {
  try {
    return toDeviceMessage(deviceId, message, signal, ownProperties);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/**
 * Sends batches one after the other. After a rejection that concerns all messages, the others are not sent.
 *
 * @param onOperation called before each request to the hub
 */
async function sendAll(
  client: Client,
  batches: readonly DeviceMessage[][],
  signal: AbortSignal,
  onOperation?: () => void,
): Promise<Map<DeviceMessage, SendOutcome>> {
  const outcomes = new Map<DeviceMessage, SendOutcome>();
  const waiting = [...batches];
  let refusal: SendOutcome;
  for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
    const outcome = refusal ?? (await sendRequest(client, batch, signal, onOperation));
    if (outcome && batch.length > 1 && isOfOneMessage(outcome)) {
      // Halving finds the rejected message in a few requests. Sending 500 messages singly would throttle the hub.
      const half = Math.ceil(batch.length / 2);
      waiting.unshift(batch.slice(0, half), batch.slice(half));
      continue;
    }
    if (outcome && !isOfOneMessage(outcome)) refusal = outcome;
    for (const message of batch) outcomes.set(message, outcome);
  }
  return outcomes;
}

/** Sends one request with retries. Messages keep their ids, so that consumers can deduplicate. */
async function sendRequest(
  client: Client,
  batch: readonly DeviceMessage[],
  signal: AbortSignal,
  onOperation?: () => void,
): Promise<SendOutcome> {
  const [first] = batch;
  if (!first) return undefined;
  try {
    await withRetries(
      () => {
        onOperation?.();
        return batch.length === 1 && !first.needsBatch
          ? client.sendEvent(first)
          : client.sendEventBatch([...batch]);
      },
      signal,
      (error) => deviceProblem(error).code === 'hub_unavailable',
    );
    return undefined;
  } catch (error) {
    return deviceProblem(error);
  }
}
