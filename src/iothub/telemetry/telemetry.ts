import type { Client } from 'azure-iot-device';
import { Problem } from '../../problems';
import type { Settings } from '../../settings';
import { packBatches } from './batch';
import { withTimeLimit } from '../../resilience/deadline';
import { type Device, createDeviceClients } from './deviceClients';
import { deviceProblem } from '../errors';
import { createConnectionPool, openPoolConnection } from './connectionPool';
import { withRetries } from '../../resilience/retry';
import { type DeviceMessage, type TelemetryMessage, toDeviceMessage } from './telemetryMessage';

/** What became of a message: nothing is wrong when the hub has stored it. */
export type SendOutcome = Problem | undefined;

export interface Telemetry {
  /**
   * Sends messages as a device, in their order, as few requests to the hub as it allows, and gives a outcome on each.
   *
   * Those of one request are stored together or not at all. Where the hub refuses a request for the sake of one
   * message, it is taken apart until each message has a outcome of its own. Lost connections and failures of the hub
   * are tried again within the deadline, with the same message id: whether the hub has stored the message already,
   * nobody knows. Verdicts that may change later have `retryAfterSeconds`.
   *
   * @returns in the order of `messages`: undefined where the hub has stored the message, or `invalid_message_id`,
   * `invalid_property`, `message_too_large`, `invalid_request`, `device_unauthorized`, `hub_throttled`,
   * `hub_quota_exceeded`, `hub_unavailable`, `hub_timeout`
   */
  send: (device: Device, messages: readonly TelemetryMessage[]) => Promise<SendOutcome[]>;
  /** Opens a connection to the hub. @throws {Problem} `hub_unavailable`, `hub_timeout` */
  warmUp: () => Promise<void>;
  close: () => void;
}

export function createTelemetry(settings: Settings): Telemetry {
  const { hubHostName, hubDeadlineMs } = settings;
  const pool = createConnectionPool(settings);
  const clients = createDeviceClients(hubHostName, pool);

  return {
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

function prepared(deviceId: string, message: TelemetryMessage, signal: AbortSignal): DeviceMessage | Problem {
  try {
    return toDeviceMessage(deviceId, message, signal);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** Sends batches one after the other; after a refusal that strikes all alike, the rest is not tried. */
async function sendAll(
  client: Client,
  batches: readonly DeviceMessage[][],
  signal: AbortSignal,
): Promise<Map<DeviceMessage, SendOutcome>> {
  const outcomes = new Map<DeviceMessage, SendOutcome>();
  const waiting = [...batches];
  let refusal: SendOutcome;
  for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
    const outcome = refusal ?? (await sendRequest(client, batch, signal));
    if (outcome && batch.length > 1 && isOfOneMessage(outcome)) {
      // Halves find the one message in a few requests, where sending 500 singly would throttle the hub.
      const half = Math.ceil(batch.length / 2);
      waiting.unshift(batch.slice(0, half), batch.slice(half));
      continue;
    }
    if (outcome && !isOfOneMessage(outcome)) refusal = outcome;
    for (const message of batch) outcomes.set(message, outcome);
  }
  return outcomes;
}

/** Whether the hub may take other messages of the same device all the same. */
const isOfOneMessage = ({ code }: Problem): boolean =>
  code === 'invalid_request' || code === 'message_too_large';

/** One request to the hub, tried again where that may help: each message keeps its id, so a repetition is known. */
async function sendRequest(
  client: Client,
  batch: readonly DeviceMessage[],
  signal: AbortSignal,
): Promise<SendOutcome> {
  const [first] = batch;
  if (!first) return undefined;
  try {
    await withRetries(
      () =>
        batch.length === 1 && !first.needsBatch ? client.sendEvent(first) : client.sendEventBatch([...batch]),
      signal,
      (error) => deviceProblem(error).code === 'hub_unavailable',
    );
    return undefined;
  } catch (error) {
    return deviceProblem(error);
  }
}
