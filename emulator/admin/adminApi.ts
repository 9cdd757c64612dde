/** The operations of the admin API: state of the hub, faults, test messages, expiry and reset. */

import type { EventHubEndpoint } from '../eventHub';
import {
  armedFault,
  FAULT_KINDS,
  immediateFault,
  isImmediateKind,
  type ArmedFault,
  type ArmedFaultSpec,
  type ImmediateFaultSpec,
} from '../faults';
import type { Hub } from '../hub';
import type { MqttEndpoint } from '../mqtt';
import type { PartitionLog } from '../partitionLog';
import { deviceIdOf } from '../registry';
import type { ThrottleState } from '../throttle';
import { AdminError, parse } from './adminError';
import { latestMessages, listDevices, readTwin, type DeviceList, type MessagePreview } from './observe';
import * as requests from './requests';
import { seed } from './seed';
import { storedMessage, type StoredMessage } from './storedMessage';

export interface PartitionState {
  readonly partitionId: string;
  readonly beginSequenceNumber: number;
  /** -1: the partition never had a message. */
  readonly lastSequenceNumber: number;
  readonly lastOffset: string;
  /** Number of stored messages. */
  readonly count: number;
  readonly readers: number;
}

export interface HubState {
  readonly hostName: string;
  readonly createdAt: string;
  readonly devices: number;
  readonly messages: number;
  readonly partitions: readonly PartitionState[];
  /** Requests since the start, by throttle. `management` counts the requests to `$management`. */
  readonly requests: Readonly<Hub['requests']>;
  readonly throttle: ThrottleState;
  readonly connections: {
    readonly https: number;
    readonly amqp: number;
    readonly amqpSessions: number;
    readonly mqtt: number;
  };
  readonly faults: readonly ArmedFault[];
}

/** The result of `armFault`: the armed fault, or how many links or connections an immediate fault affected. */
export type FaultResult = ArmedFault | { readonly affected: number };

/**
 * The admin API in process. Over HTTPS, the same functions are called. Each throws AdminError if the request is
 * invalid.
 */
export interface AdminApi {
  state(): HubState;
  messages(request?: requests.MessagesRequest): StoredMessage[];
  /** The newest messages of all partitions, the newest first, with the beginning of their bodies. */
  latestMessages(request?: requests.LatestRequest): MessagePreview[];
  devices(request?: requests.DevicesRequest): DeviceList;
  /** The twin of `<device>` or `<device>/<module>`, as services see it. */
  twin(clientId: string): object;
  /** Appends messages directly to the partitions. Returns the new state of the partitions. */
  seed(request: requests.SeedRequest): HubState;
  /** Deletes old messages, as retention does. */
  expire(request: requests.ExpireRequest): HubState;
  /** Leaves a gap in the offsets. */
  jumpOffset(request: requests.JumpRequest): HubState;
  /**
   * Removes all devices, messages, jobs and faults, and resets the throttles. The hub remains the same one: its
   * `created_at` stays. The first hub also removes the enrollments and registrations of the Device Provisioning Service.
   */
  reset(): HubState;
  /**
   * Acts as if the hub was deleted and created again with the same name: it is empty, `created_at` is new, and all
   * connections are closed.
   */
  recreateHub(request?: requests.RecreateRequest): HubState;
  armFault(fault: FaultInput): FaultResult;
  /** Applies the throttles and quotas of this tier and number of units from now on. `none` removes them. */
  setThrottle(request: requests.ThrottleRequest): HubState;
  faults(): ArmedFault[];
  /** Clears the fault with this id, or all faults. Returns the number of cleared faults. */
  clearFaults(id?: number): { cleared: number };
}

/** A fault, selected by its `kind`. faults/faultSchema.ts defines the fields of each kind. */
export type FaultInput = { readonly kind: string } & Readonly<Record<string, unknown>>;

export interface AdminDependencies {
  readonly hub: Hub;
  readonly eventHub: EventHubEndpoint;
  readonly mqtt: Pick<MqttEndpoint, 'connections' | 'closeConnections'>;
  readonly https: { connections(): number; restart(downMs: number): number };
  /** Resets what is not a part of the hub, but is filled by the same seed. */
  readonly resetOthers?: (() => void) | undefined;
}

const DETACH = {
  condition: 'amqp:link:detach-forced',
  description: 'The link is force detached by the broker.',
};

export function createAdminApi({ hub, eventHub, mqtt, https, resetOthers }: AdminDependencies): AdminApi {
  const partitionsOf = (partitionId: string | undefined): readonly PartitionLog[] => {
    if (partitionId === undefined) return hub.partitions;
    const found = hub.partitions.filter((partition) => partition.id === partitionId);
    const ids = hub.partitions.map((partition) => partition.id);
    if (found.length === 0) throw new AdminError(404, `there is no partition '${partitionId}'`, ids);
    return found;
  };

  const state = (): HubState => ({
    hostName: hub.identity.hostName,
    createdAt: new Date(hub.createdAt).toISOString(),
    devices: hub.registry.count().total,
    messages: hub.partitions.reduce((sum, log) => sum + log.count, 0),
    partitions: hub.partitions.map((log) => ({
      partitionId: log.id,
      beginSequenceNumber: log.beginSequenceNumber,
      lastSequenceNumber: log.lastSequenceNumber,
      lastOffset: String(log.lastOffset),
      count: log.count,
      readers: eventHub.readers.of(log.id).length,
    })),
    requests: { ...hub.requests },
    throttle: hub.throttle.state(),
    connections: {
      https: https.connections(),
      amqp: eventHub.connections(),
      amqpSessions: eventHub.sessions(),
      mqtt: mqtt.connections(hub),
    },
    faults: hub.faults.list(),
  });

  const applyImmediately = (fault: ImmediateFaultSpec): number => {
    switch (fault.kind) {
      case 'restart':
        return https.restart(fault.downMs);
      case 'dropDevices': {
        const dropped = hub.connections
          .all()
          .filter(({ clientId }) => (fault.deviceId ?? deviceIdOf(clientId)) === deviceIdOf(clientId));
        for (const connection of dropped) connection.reset();
        return dropped.length;
      }
      case 'expireMessages':
        return hub.messages.expire(fault.deviceId);
      default:
        return eventHub.applyFault(fault);
    }
  };

  return {
    state,
    messages(request = {}) {
      const { partition, from, limit } = parse(requests.messagesRequest, request);
      const [log] = partitionsOf(partition);
      const found: StoredMessage[] = [];
      for (let n = Math.max(from, log?.beginSequenceNumber ?? 0); found.length < limit; n++) {
        const message = log && storedMessage(log, n);
        if (!message) break;
        found.push(message);
      }
      return found;
    },
    latestMessages(request = {}) {
      return latestMessages(hub.partitions, parse(requests.latestRequest, request).limit);
    },
    devices(request = {}) {
      const { limit, search } = parse(requests.devicesRequest, request);
      return listDevices(hub, limit, search);
    },
    twin: (clientId) => readTwin(hub, clientId),
    seed(request) {
      const parsed = parse(requests.seedRequest, request);
      seed(hub, partitionsOf(parsed.partitionId), parsed);
      return state();
    },
    expire(request) {
      const parsed = parse(requests.expireRequest, request);
      for (const log of partitionsOf(parsed.partitionId)) log.expireBefore(firstKept(log, parsed));
      return state();
    },
    jumpOffset(request) {
      const { partitionId, by } = parse(requests.jumpRequest, request);
      for (const log of partitionsOf(partitionId)) log.jumpOffset(by);
      return state();
    },
    reset() {
      hub.empty();
      resetOthers?.();
      hub.faults.clear();
      hub.throttle.reset();
      // The positions of these readers are now beyond the end.
      eventHub.applyFault({ kind: 'detachLinks', target: 'eventHub', ...DETACH });
      return state();
    },
    recreateHub(request = {}) {
      const { keepDevices, partitions } = parse(requests.recreateRequest, request);
      hub.recreate(partitions ?? hub.partitions.length, keepDevices);
      eventHub.applyFault({ kind: 'closeConnections', target: 'eventHub' });
      mqtt.closeConnections(hub);
      return state();
    },
    setThrottle(request) {
      const { tier, units } = parse(requests.throttleRequest, request);
      hub.throttle.set(tier, units);
      return state();
    },
    armFault(fault) {
      if (!FAULT_KINDS.includes(fault.kind)) {
        throw new AdminError(400, `unknown fault kind '${fault.kind}'`, FAULT_KINDS);
      }
      if (isImmediateKind(fault.kind)) {
        const immediate = parse(immediateFault, fault);
        if ('partitionId' in immediate) partitionsOf(immediate.partitionId);
        return { affected: applyImmediately(immediate) };
      }
      const parsed: ArmedFaultSpec = parse(armedFault, fault);
      if ('partitionId' in parsed) partitionsOf(parsed.partitionId);
      return hub.faults.arm(parsed);
    },
    faults: () => hub.faults.list(),
    clearFaults: (id) => ({ cleared: hub.faults.clear(id) }),
  };
}

function firstKept(log: PartitionLog, request: requests.ExpireRequest): number {
  const { upToSequenceNumber, olderThanSeconds, keep } = request;
  if (upToSequenceNumber !== undefined) return upToSequenceNumber + 1;
  if (olderThanSeconds !== undefined)
    return log.seek('enqueuedTime', Date.now() - olderThanSeconds * 1_000, true);
  return log.lastSequenceNumber + 1 - (keep ?? 0);
}
