import type { HubIdentity } from './hubIdentity';
import {
  createFeedbackQueue,
  createMessageQueues,
  type FeedbackQueue,
  type MessageQueues,
} from './cloudToDevice';
import { NO_JOURNAL, type HubStorage } from './dataFolder';
import { createDeviceConnections, type DeviceConnections } from './deviceConnections';
import { createFaults, OPERATION_TARGETS, type Faults, type OperationTarget } from './faults';
import { createFileUploads, type BlobStorage, type FileUploads } from './fileUploads';
import { createImportExportJobs, type ImportExportJobs } from './importExport';
import type { Log } from './log';
import { createMethodCalls, type MethodCalls } from './methods';
import { PartitionLog } from './partitionLog';
import {
  createClientRegistry,
  createDeviceRegistry,
  createIdentityStore,
  createModuleRegistry,
  type ClientRegistry,
  type DeviceRegistry,
  type ModuleRegistry,
} from './registry';
import type { SasContext } from './sas';
import { createThrottle, type Throttle, type ThrottleTier } from './throttle';
import { createTwinStore, type TwinStore } from './twins';

/** IoT Hub's limit: "The number of partitions … must be between 2 and 32" for paid tiers. 1 is for tests. */
export const MAX_PARTITIONS = 32;

/** The state of an emulated hub, shared by the endpoints of all protocols. */
export interface Hub {
  readonly identity: HubIdentity;
  /** The identities of devices. */
  readonly registry: DeviceRegistry;
  readonly modules: ModuleRegistry;
  /** Devices and modules, for whatever treats them alike. */
  readonly clients: ClientRegistry;
  readonly connections: DeviceConnections;
  readonly twins: TwinStore;
  readonly methods: MethodCalls;
  /** Cloud-to-device messages. */
  readonly messages: MessageQueues;
  readonly feedback: FeedbackQueue;
  readonly files: FileUploads;
  /** Bulk import and export. */
  readonly jobs: ImportExportJobs;
  /** A recreated hub has new partitions. */
  partitions: readonly PartitionLog[];
  readonly faults: Faults;
  readonly throttle: Throttle;
  /** Requests since the start, by the target of their faults. `management` counts the requests to `$management`. */
  readonly requests: Record<OperationTarget | 'management', number>;
  /** Unix time in ms. A recreated hub has a new value. */
  createdAt: number;
  /** Removes devices, messages, feedback and notifications, and cancels and removes the jobs. */
  empty(): void;
  /**
   * Empties the hub, and replaces its partitions by new ones, as in a hub that was deleted and created again.
   *
   * @param keepsDevices keeps the devices with their twins and cloud-to-device messages
   */
  recreate(partitions: number, keepsDevices: boolean): void;
  readonly log: Log;
  /** Whether clients may reach this hub under a host name in lower case: its own, or one of the emulator itself. */
  isOwnHost(hostName: string): boolean;
  /** The first of the names that a client gave, in lower case, under which it may not reach this hub. */
  foreignHost(hostNames: readonly (string | undefined)[]): string | undefined;
  /** Called with the id of a partition that has new messages. */
  readonly onAppended: Set<(partitionId: string) => void>;
  /** The context for checks of SAS tokens. `clockSkewSeconds` shifts the hub's clock. */
  sasContext(clockSkewSeconds?: number): SasContext;
}

export interface HubOptions {
  readonly identity: HubIdentity;
  readonly partitions: number;
  readonly tier: ThrottleTier;
  /** Where the hub keeps its state. Absent: in memory only. */
  readonly storage: HubStorage | undefined;
  /** Into which devices upload files. Absent: uploads are rejected. */
  readonly blobStorage: BlobStorage | undefined;
  readonly isOwnHost: (hostName: string) => boolean;
  readonly log: Log;
}

export function createHub(options: HubOptions): Hub {
  const { identity, partitions, tier, storage, blobStorage, isOwnHost, log } = options;
  const faults = createFaults();
  const journal = storage?.journal ?? NO_JOURNAL;
  const identities = createIdentityStore(journal);
  const registry = createDeviceRegistry(identities);
  const modules = createModuleRegistry(identities);
  const clients = createClientRegistry(identities);
  const connections = createDeviceConnections(clients);
  const twins = createTwinStore(clients, journal);
  const messages = createMessageQueues(registry, journal);
  messages.onAvailable((deviceId) => connections.find(deviceId)?.deliverMessages());
  twins.onDesired((clientId, change) => connections.find(clientId)?.notifyDesired(change));
  return {
    identity,
    registry,
    modules,
    clients,
    connections,
    twins,
    methods: createMethodCalls(clients, connections),
    messages,
    feedback: createFeedbackQueue(messages),
    files: createFileUploads(registry, journal, blobStorage),
    jobs: createImportExportJobs({ devices: registry, modules }, twins, journal),
    partitions: storage?.partitions ?? emptyPartitions(partitions),
    faults,
    throttle: createThrottle(tier),
    requests: Object.fromEntries(
      [...OPERATION_TARGETS, 'management'].map((name) => [name, 0]),
    ) as Hub['requests'],
    createdAt: storage?.createdAt ?? Date.now(),
    log,
    isOwnHost,
    foreignHost: (hostNames) =>
      hostNames.find((name) => name !== undefined && name !== '' && !isOwnHost(name)),
    onAppended: new Set(),
    empty() {
      removeState(this);
      for (const log of this.partitions) log.reset();
    },
    recreate(count, keepsDevices) {
      removeState(this, keepsDevices);
      const createdAt = Math.max(Date.now(), this.createdAt + 1);
      this.partitions = storage?.recreate(count, createdAt) ?? emptyPartitions(count);
      this.createdAt = createdAt;
    },
    sasContext: (clockSkewSeconds = 0) => ({
      nowSeconds: Date.now() / 1000 + clockSkewSeconds,
      policies: identity.policies,
      isRevoked: (policy) => faults.find('revokeKeys', (fault) => fault.policy === policy) !== undefined,
    }),
  };
}

/** Jobs end first, because an import creates devices, and feedback last, because devices that are removed cause it. */
function removeState({ jobs, registry, feedback, files }: Hub, keepsDevices = false): void {
  jobs.clear();
  if (!keepsDevices) registry.clear();
  feedback.clear();
  files.notifications.clear();
}

function emptyPartitions(count: number): readonly PartitionLog[] {
  return Array.from({ length: count }, (_, index) => new PartitionLog(String(index)));
}
