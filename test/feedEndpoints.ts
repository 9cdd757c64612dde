import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENT_HUB_NAME, type Emulator, POLICIES, startEmulator } from '../emulator/index';
import { type AmqpWire, startAmqpWire } from './amqpWire';
import { freePort } from './freePort';
import { startAmqpOracle } from './oracles/amqpOracle';
import { buildDotnetProgram } from './oracles/dotnet';

export interface PartitionState {
  partitionId: string;
  beginSequenceNumber: number;
  lastSequenceNumber: number;
  lastOffset: string;
  readers: number;
}

export interface EndpointState {
  partitions: readonly PartitionState[];
  connections: { amqp: number; amqpSessions: number };
  requests: { management: number };
}

export interface EndpointFault {
  kind: string;
  [field: string]: unknown;
}

/** The part of the emulator's admin API that both endpoints have. */
export interface EndpointAdmin {
  state: () => Promise<EndpointState>;
  seed: (request: { count: number; partitionId?: string; sizeBytes?: number }) => Promise<void>;
  expire: (request: { keep: number; partitionId?: string }) => Promise<void>;
  jumpOffset: (request: { by: number; partitionId?: string }) => Promise<void>;
  recreateHub: (request?: { partitions?: number }) => Promise<void>;
  /** @returns the id of a fault that lasts; of one that happens at once, how many it affected */
  armFault: (fault: EndpointFault) => Promise<{ id?: number; affected?: number }>;
  clearFaults: (id?: number) => Promise<void>;
}

/** An Event Hub-compatible endpoint for the feed to read. */
export interface FeedEndpoint {
  /** what went over the wire, where `watched` */
  wire: AmqpWire | undefined;
  /** the app's, with this endpoint */
  settings: Readonly<Record<string, string>>;
  admin: EndpointAdmin;
  /** Stops and starts again on the same port, without its messages. */
  restart: (whileDown: () => Promise<void>) => Promise<void>;
  close: () => Promise<void>;
}

export interface EndpointOptions {
  partitions?: number;
  /** records and checks the frames */
  watched?: boolean;
  /** of Microsoft's library alone */
  idleTimeoutMs?: number;
  settleOnSend?: boolean;
}

export interface EndpointKind {
  name: string;
  /** whether it takes the options of Microsoft's library */
  isConfigurable: boolean;
  start: (options?: EndpointOptions) => Promise<FeedEndpoint>;
}

const settingsAt = (hostName: string, amqpPort: number): Record<string, string> => ({
  IOTHUB_HOSTNAME: hostName,
  IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
  IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://127.0.0.1:${amqpPort};SharedAccessKeyName=service;SharedAccessKey=${POLICIES.service.key};EntityPath=${EVENT_HUB_NAME};UseDevelopmentEmulator=true`,
});

/** The emulator's admin API, as the tests of both endpoints call it. */
export function emulatorAdmin(emulator: () => Pick<Emulator, 'admin'>): EndpointAdmin {
  const admin = (): Emulator['admin'] => emulator().admin;
  return {
    state: () => Promise.resolve(admin().state()),
    seed: (request) => {
      admin().seed(request);
      return Promise.resolve();
    },
    expire: (request) => {
      admin().expire(request);
      return Promise.resolve();
    },
    jumpOffset: (request) => {
      admin().jumpOffset(request);
      return Promise.resolve();
    },
    recreateHub: (request) => {
      admin().recreateHub(request);
      return Promise.resolve();
    },
    armFault: (fault) => Promise.resolve(admin().armFault({ target: 'eventHub', ...fault })),
    clearFaults: (id) => {
      admin().clearFaults(id);
      return Promise.resolve();
    },
  };
}

async function startEmulatorEndpoint({
  partitions = 4,
  watched,
}: EndpointOptions = {}): Promise<FeedEndpoint> {
  const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  const open = (amqpPort: number): Promise<Emulator> =>
    startEmulator({ hubPort: 0, amqpPort, partitions, caFolder });
  const port = await freePort();
  let emulator = await open(port);
  const wire = watched ? await startAmqpWire(port) : undefined;
  return {
    wire,
    settings: settingsAt(emulator.hostName, wire?.port ?? port),
    admin: emulatorAdmin(() => emulator),
    restart: async (whileDown) => {
      await emulator.close();
      await whileDown();
      emulator = await open(port);
    },
    close: async () => {
      wire?.close();
      await emulator.close();
      await rm(caFolder, { recursive: true, force: true });
    },
  };
}

async function startOracleEndpoint(
  assembly: string,
  { partitions = 4, watched, ...options }: EndpointOptions = {},
): Promise<FeedEndpoint> {
  const open = (port: number) =>
    startAmqpOracle(assembly, {
      port,
      hub: EVENT_HUB_NAME,
      partitions,
      ...options,
      policies: { service: POLICIES.service.key },
    });
  const port = await freePort();
  let oracle = await open(port);
  const wire = watched ? await startAmqpWire(port) : undefined;
  const run = async (name: string, request?: object): Promise<void> => {
    await oracle.run(name, request);
  };
  return {
    wire,
    settings: settingsAt('hubfront.azure-devices.localhost', wire?.port ?? port),
    admin: {
      state: async () => (await oracle.run('state')) as EndpointState,
      seed: (request) => run('seed', request),
      expire: (request) => run('expire', request),
      jumpOffset: (request) => run('jumpOffset', request),
      recreateHub: (request) => run('recreateHub', request),
      armFault: async (fault) => {
        if (fault.kind !== 'freeze') return (await oracle.run('armFault', fault)) as { id?: number };
        await oracle.freeze();
        return {};
      },
      clearFaults: (id) => {
        oracle.thaw();
        return run('clearFaults', { id });
      },
    },
    restart: async (whileDown) => {
      await oracle.close();
      await whileDown();
      oracle = await open(port);
    },
    close: async () => {
      wire?.close();
      await oracle.close();
    },
  };
}

const oracleAssembly = buildDotnetProgram('test/oracles/amqp');

/** Our own emulator and, where .NET is installed, an endpoint on Microsoft's own AMQP library. */
export const FEED_ENDPOINTS: readonly EndpointKind[] = [
  { name: 'the emulator', isConfigurable: false, start: startEmulatorEndpoint },
  ...(oracleAssembly === undefined
    ? []
    : [
        {
          name: "Microsoft's AMQP library",
          isConfigurable: true,
          start: (options?: EndpointOptions) => startOracleEndpoint(oracleAssembly, options),
        },
      ]),
];
