/** A day of visitors against the throttles of one hub or several, second by second. */
import { createHash } from 'node:crypto';
import { DAY_SECONDS, expectedVisitors } from './day';
import { LIMITS, type Throttle, type Tier, createThrottle } from './hub';
import { arrivals, createRandom } from './random';

export const MESSAGES_PER_VISITOR = 10;
/** Between a visitor's messages. */
const MESSAGE_INTERVAL_SECONDS = 20;
/** How long the hub takes for a send. */
const SEND_SECONDS = 0.025;
/** Messages per second for which the app has one instance. */
export const MESSAGES_PER_INSTANCE = 500;
const SEED = 20_261_126;

export interface Scenario {
  visitorsPerDay: number;
  tier: Tier;
  /** of each hub */
  units: number;
  hubs: number;
  /** number of gateway devices; 0: each browser is a device */
  gateways: number;
}

export interface DayResult {
  messages: number;
  peakMessagesPerSecond: number;
  /** of the busiest hub */
  peakOperationsPerSecond: number;
  operationsPerMessage: number;
  registryOperations: number;
  /** registrations and sends that the hub rejected with 429 */
  rejectedRegistrations: number;
  rejectedSends: number;
  /** longest time that messages waited, in the hub's queue or in the app, s */
  longestWaitSeconds: number;
  /** of the busiest hub's daily quota, used */
  quotaShare: number;
}

interface HubState {
  share: number;
  gateways: number;
  sends: Throttle;
  registry: Throttle;
  messages: number;
}

export function simulateDay(scenario: Scenario): DayResult {
  const { visitorsPerDay, tier, units, hubs: hubCount, gateways } = scenario;
  const random = createRandom(SEED);
  const limits = LIMITS[tier];
  const shares = gateways === 0 ? Array<number>(hubCount).fill(1) : gatewaysOfHubs(gateways, hubCount);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const hubs = shares.map((share): HubState => ({
    share: share / total,
    gateways: share,
    sends: createThrottle(limits.sendsPerSecond(units)),
    registry: createThrottle(limits.registryPerSecond(units)),
    messages: 0,
  }));
  const day: DayResult = {
    messages: 0,
    peakMessagesPerSecond: 0,
    peakOperationsPerSecond: 0,
    operationsPerMessage: 0,
    registryOperations: 0,
    rejectedRegistrations: 0,
    rejectedSends: 0,
    longestWaitSeconds: 0,
    quotaShare: 0,
  };
  let operations = 0;
  /** messages that are due in each of the next seconds */
  const due = new Float64Array(DAY_SECONDS + MESSAGES_PER_VISITOR * MESSAGE_INTERVAL_SECONDS);
  for (let second = 0; second < DAY_SECONDS; second += 1) {
    const visitors = arrivals(expectedVisitors(visitorsPerDay, second), random);
    for (let n = 0; n < MESSAGES_PER_VISITOR; n += 1) {
      const at = second + n * MESSAGE_INTERVAL_SECONDS;
      due[at] = (due[at] ?? 0) + visitors;
    }
    const messages = due[second] ?? 0;
    day.messages += messages;
    day.peakMessagesPerSecond = Math.max(day.peakMessagesPerSecond, messages);
    const instances = Math.max(1, Math.ceil(messages / MESSAGES_PER_INSTANCE));
    for (const hub of hubs) {
      hub.messages += messages * hub.share;
      if (gateways === 0) {
        const registrations = hub.registry.offer(visitors * hub.share);
        day.registryOperations += visitors * hub.share;
        day.rejectedRegistrations += registrations.rejected;
      }
      const sent =
        gateways === 0
          ? sendSingly(hub, messages * hub.share)
          : sendShared(hub, messages * hub.share, instances);
      operations += sent.operations;
      day.rejectedSends += sent.rejected;
      day.peakOperationsPerSecond = Math.max(day.peakOperationsPerSecond, sent.operations);
      day.longestWaitSeconds = Math.max(day.longestWaitSeconds, sent.waitSeconds);
    }
  }
  if (gateways > 0) day.registryOperations = gateways;
  day.operationsPerMessage = operations / day.messages;
  day.quotaShare = Math.max(...hubs.map((hub) => hub.messages)) / (limits.messagesPerDay * units);
  return day;
}

interface Sent {
  operations: number;
  rejected: number;
  waitSeconds: number;
}

function sendSingly(hub: HubState, messages: number): Sent {
  return { operations: messages, ...hub.sends.offer(messages) };
}

/**
 * Each gateway of each instance has one send under way. While the hub queues it, the messages that arrive share the
 * gateway's next batch, whose 500 messages are more than a gateway gets in a second here. So the hub's queue has at most
 * one send of each gateway and instance.
 */
function sendShared(hub: HubState, messages: number, instances: number): Sent {
  if (messages === 0) return { operations: 0, rejected: 0, waitSeconds: 0 };
  const senders = hub.gateways * instances;
  const perSender = messages / senders;
  // The next send begins at the end of the last, or when the next message arrives.
  const sendsOfOne = 1 / (SEND_SECONDS + Math.exp(-perSender * SEND_SECONDS) / perSender);
  const { begun, rejected, waitSeconds } = hub.sends.offer(Math.min(messages, senders * sendsOfOne), senders);
  return { operations: begun, rejected, waitSeconds };
}

/** Rendezvous hashing: each gateway belongs to the hub with the highest hash of both. @returns gateways per hub */
export function gatewaysOfHubs(gateways: number, hubs: number): number[] {
  const counts = Array<number>(hubs).fill(0);
  for (let gateway = 0; gateway < gateways; gateway += 1) {
    const hub = hubOfGateway(gateway, hubs);
    counts[hub] = (counts[hub] ?? 0) + 1;
  }
  return counts;
}

export function hubOfGateway(gateway: number, hubs: number): number {
  const rank = (hub: number): string =>
    createHash('sha256')
      .update(`hub-${hub}\nweb-gateway-${String(gateway).padStart(2, '0')}`)
      .digest('hex');
  return Array.from({ length: hubs }, (_, hub) => hub).reduce((best, hub) =>
    rank(hub) > rank(best) ? hub : best,
  );
}
