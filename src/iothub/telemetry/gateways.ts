import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'azure-iot-device';
import { Problem } from '../../errorCodes';
import { withTimeLimit } from '../../resilience/deadline';
import type { Settings } from '../../settings';
import { createRateLimit, createVisitors } from '../../visitors';
import { deviceProblem } from '../errors';
import type { Device, DeviceClients } from './deviceClients';
import type { SendOutcome } from './sendOutcome';
import { packBatches } from './batch';
import { createSendRate } from './sendRate';
import { type SharedSends, createSharedSends } from './sharedSends';
import type { DeviceMessage } from './telemetryMessage';

/**
 * Repairs of a gateway: REPAIR_BURST at once, then one per REPAIR_SECONDS. IoT Hub S1 allows 100 registry operations a
 * minute.
 */
const REPAIR_BURST = 4;
const REPAIR_SECONDS = 30;
/** Pause before the next send after the registry has throttled. */
const REGISTRY_PAUSE_MS = 1_000;

type SendAll = (
  client: Client,
  batches: readonly DeviceMessage[][],
  signal: AbortSignal,
  onOperation: () => void,
) => Promise<Map<DeviceMessage, SendOutcome>>;
type EnsureGateway = (gatewayId: string) => Promise<void>;

/** The devices that visitors send through. The app owns them. */
export interface Gateways {
  /** @param deadline the end of the request's time, as `performance.now()` */
  send: (
    visitorId: string,
    messages: readonly DeviceMessage[],
    deadline: number,
    ensureGateway: EnsureGateway,
  ) => Promise<SendOutcome[]>;
}

/** @param sendAll sends batches as one device */
export function createGateways(settings: Settings, clients: DeviceClients, sendAll: SendAll): Gateways {
  const { visitors: visitorSettings, hubHostName, hubDeadlineMs } = settings;
  if (!visitorSettings) return { send: (_, messages) => Promise.resolve(messages.map(() => undefined)) };
  const visitors = createVisitors(visitorSettings, hubHostName);
  const rate = createSendRate();
  const shared = new Map<string, SharedSends>();
  const repairs = createRateLimit(REPAIR_BURST, 1 / REPAIR_SECONDS);

  /** Registers a gateway that the hub has refused, or sets its keys. A throttled registry is not an error: another
   * instance of the app may have registered the gateway meanwhile. */
  async function repair(gatewayId: string, ensureGateway: EnsureGateway, signal: AbortSignal): Promise<void> {
    const seconds = repairs.take(gatewayId);
    if (seconds > 0) throw refused(seconds);
    await ensureGateway(gatewayId).catch(async (error: unknown) => {
      if (!(error instanceof Problem) || error.code !== 'hub_throttled') throw error;
      await delay(REGISTRY_PAUSE_MS * (0.5 + Math.random()), undefined, { signal });
    });
  }

  async function sendBatch(
    device: Device,
    batch: readonly DeviceMessage[],
    ensureGateway: EnsureGateway,
  ): Promise<Map<DeviceMessage, SendOutcome>> {
    return withTimeLimit(hubDeadlineMs, async (signal) => {
      for (const message of batch) message.signal = signal;
      // The queue has already counted the first operation of the batch.
      let isCounted = true;
      const countOperation = (): void => {
        if (!isCounted) rate.take();
        isCounted = false;
      };
      const outcomes = new Map<DeviceMessage, SendOutcome>();
      let unsent = batch;
      while (unsent.length > 0) {
        const client = clients.take(device);
        const latest = await sendAll(client, packBatches(unsent), signal, countOperation);
        for (const [message, outcome] of latest) outcomes.set(message, outcome);
        const codes = new Set([...latest.values()].map((outcome) => outcome?.code));
        if (codes.has('hub_throttled')) rate.throttled();
        else if (codes.has(undefined)) rate.accepted();
        unsent = unsent.filter((message) => outcomes.get(message)?.code === 'device_unauthorized');
        if (unsent.length === 0) {
          clients.keep(device, client);
        } else {
          // The gateway is new, was deleted or disabled, or its keys were derived from another secret.
          clients.drop(device, client);
          try {
            await repair(device.deviceId, ensureGateway, signal);
          } catch (error) {
            for (const message of unsent) outcomes.set(message, deviceProblem(error));
            unsent = [];
          }
        }
      }
      return outcomes;
    });
  }

  return {
    send: (visitorId, messages, deadline, ensureGateway) => {
      const gatewayId = visitors.gatewayOf(visitorId);
      let sends = shared.get(gatewayId);
      if (!sends) {
        const device = { deviceId: gatewayId, deviceKey: visitors.gatewayKeys(gatewayId).primary };
        sends = createSharedSends((batch) => sendBatch(device, batch, ensureGateway), rate);
        shared.set(gatewayId, sends);
      }
      return sends.send(messages, deadline);
    },
  };
}

const refused = (seconds: number): Problem =>
  new Problem('hub_unavailable', 'IoT Hub rejected the gateway.', seconds);
