import type { HubIdentity } from './hubIdentity';
import { createFaults, type Faults } from './faults';
import { PartitionLog } from './partitionLog';
import { createDeviceRegistry, type DeviceRegistry } from './registry';
import type { SasContext } from './sas';
import { createThrottle, type Throttle, type ThrottleTier } from './throttle';

/** As an IoT Hub's: "The number of partitions … must be between 2 and 32" is its paid tiers'; 1 is for tests. */
export const MAX_PARTITIONS = 32;

/** Everything that one emulated hub is, shared by its HTTPS and AMQP sides. */
export interface Hub {
  readonly identity: HubIdentity;
  readonly registry: DeviceRegistry;
  /** A recreated hub has new ones. */
  partitions: readonly PartitionLog[];
  readonly faults: Faults;
  readonly throttle: Throttle;
  /** Requests received since the start, by what they were for; each is an operation of its throttle. */
  readonly requests: { registry: number; telemetry: number; management: number };
  /** Unix milliseconds; a recreated hub has a new one. */
  createdAt: number;
  /** Called with a partition's id when it has new messages. */
  readonly onAppended: Set<(partitionId: string) => void>;
  /** What SAS checks need to know; `clockSkewSeconds` moves the hub's clock. */
  sasContext(clockSkewSeconds?: number): SasContext;
}

export function createHub(identity: HubIdentity, partitions: number, tier: ThrottleTier): Hub {
  const faults = createFaults();
  return {
    identity,
    registry: createDeviceRegistry(),
    partitions: emptyPartitions(partitions),
    faults,
    throttle: createThrottle(tier),
    requests: { registry: 0, telemetry: 0, management: 0 },
    createdAt: Date.now(),
    onAppended: new Set(),
    sasContext: (clockSkewSeconds = 0) => ({
      nowSeconds: Date.now() / 1000 + clockSkewSeconds,
      isRevoked: (policy) => faults.find('revokeKeys', (fault) => fault.policy === policy) !== undefined,
    }),
  };
}

export function emptyPartitions(count: number): readonly PartitionLog[] {
  return Array.from({ length: count }, (_, index) => new PartitionLog(String(index)));
}
