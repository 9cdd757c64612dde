import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'azure-iot-device';
import { Problem } from '../../problems';
import { withTimeLimit } from '../../resilience/deadline';
import type { Settings } from '../../settings';
import { createVisitors } from '../../visitors';
import type { DeviceClients } from './deviceClients';
import type { SendOutcome } from './sendOutcome';
import { packBatches } from './batch';
import { type SharedSends, createSharedSends } from './sharedSends';
import type { DeviceMessage } from './telemetryMessage';

/** The gateway's keys may have been changed elsewhere. This app then sets them again. */
const RETRY_SECONDS = 5;

/**
 * Limit for all gateways on one instance. S1 allows 100 send operations per second, and other devices need some of
 * them.
 */
const OPERATIONS_PER_SECOND = 80;
const THROTTLE_PAUSE_MS = 250;
const MAX_THROTTLED = 10;

type SendAll = (
  client: Client,
  batches: readonly DeviceMessage[][],
  signal: AbortSignal,
) => Promise<Map<DeviceMessage, SendOutcome>>;
type EnsureGateway = (gatewayId: string) => Promise<void>;

/** The devices that visitors send through. The app owns them. */
export interface Gateways {
  send: (
    visitorId: string,
    messages: readonly DeviceMessage[],
    signal: AbortSignal,
    ensureGateway: EnsureGateway,
  ) => Promise<SendOutcome[]>;
}

/** @param sendAll sends batches as one device */
export function createGateways(settings: Settings, clients: DeviceClients, sendAll: SendAll): Gateways {
  const { visitors: visitorSettings, hubHostName, hubDeadlineMs } = settings;
  if (!visitorSettings) return { send: (_, messages) => Promise.resolve(messages.map(() => undefined)) };
  const visitors = createVisitors(visitorSettings, hubHostName);
  const shared = new Map<string, SharedSends>();
  const ensured = new Map<string, Promise<void>>();

  function ensure(gatewayId: string, ensureGateway: EnsureGateway): Promise<void> {
    let ready = ensured.get(gatewayId);
    if (!ready) {
      ready = ensureGateway(gatewayId);
      ensured.set(gatewayId, ready);
      ready.catch(() => ensured.delete(gatewayId)); // the next batch tries again
    }
    return ready;
  }

  async function sendBatch(
    gatewayId: string,
    batch: readonly DeviceMessage[],
    ensureGateway: EnsureGateway,
  ): Promise<Map<DeviceMessage, SendOutcome>> {
    return withTimeLimit(hubDeadlineMs, async (signal) => {
      for (const message of batch) message.signal = signal;
      const device = { deviceId: gatewayId, deviceKey: visitors.gatewayKeys(gatewayId).primary };
      let refusals = 0;
      let throttled = 0;
      for (;;) {
        await ensure(gatewayId, ensureGateway);
        const client = clients.take(device);
        const outcomes = await sendAll(client, packBatches(batch), signal);
        const codes = new Set([...outcomes.values()].map((outcome) => outcome?.code));
        if (codes.size === 1 && codes.has('hub_throttled') && throttled < MAX_THROTTLED) {
          // No message was stored. Messages that arrive during the pause share the next batch, so the gateway needs
          // fewer operations.
          throttled += 1;
          await delay(THROTTLE_PAUSE_MS * (0.5 + Math.random()), undefined, { signal }).catch(
            () => undefined,
          );
          if (!signal.aborted) continue;
        }
        if (!codes.has('device_unauthorized')) {
          clients.keep(device, client);
          return outcomes;
        }
        // The gateway was deleted, or its keys were derived from another secret.
        clients.drop(device, client);
        ensured.delete(gatewayId);
        refusals += 1;
        if (refusals === 2)
          throw new Problem('hub_unavailable', 'IoT Hub rejected the gateway.', RETRY_SECONDS);
      }
    });
  }

  return {
    send: (visitorId, messages, signal, ensureGateway) => {
      const gatewayId = visitors.gatewayOf(visitorId);
      let sends = shared.get(gatewayId);
      if (!sends) {
        sends = createSharedSends(
          (batch) => sendBatch(gatewayId, batch, ensureGateway),
          (visitorSettings.gateways * 1_000) / OPERATIONS_PER_SECOND,
        );
        shared.set(gatewayId, sends);
      }
      return sends.send(messages, signal);
    },
  };
}
