/** Benchmark of MQTT: telemetry over many connections, and the memory of idle ones. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HUB_HOST_NAME } from '../../emulator/index';
import { startEmulatorProcess } from '../emulatorProcess';
import { type MeasuredProcess, startMeasuredProcess } from '../measuredProcess';
import { type Result, measuredInAlternation, result } from '../measure';
import { policyToken } from '../policyToken';
import { type Child, cpuMicroseconds, residentMb, startScript } from '../sending/childProcess';
import type { ClientReply, ClientRequest } from './clients';

const CONNECTIONS = 1_000;
const IDLE_CONNECTIONS = 10_000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const MESSAGES = 20_000;
const FILLER_CHARACTERS = 160;
/** Devices in a request of the registry. */
const BULK = 100;
const PARTITIONS = 4;

/** A server that devices connect to. */
interface Server {
  name: string;
  port: number;
  pid: number;
  ca: string;
}

interface Round {
  perSecond: number;
  cpuUs: number;
}

type Clients = MeasuredProcess<ClientRequest, ClientReply>;

/**
 * 1,000 devices send telemetry at QoS 1, each with one message under way, to the emulator and to a bare `aedes`. Both
 * use TLS. The emulator also authenticates each device, parses its property bag, and stores each message for the
 * readers; `aedes` only acknowledges. Then 10,000 devices connect and stay idle.
 */
export async function benchMqtt(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const clients = await startMeasuredProcess<ClientRequest, ClientReply>('bench/mqtt/runClients.ts');
    closing.push(clients.close);
    return [...(await telemetry(folder, clients)), ...(await idleConnections(folder, clients))];
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function telemetry(folder: string, clients: Clients): Promise<Result[]> {
  const { emulator, aedes, close } = await startServers(folder, CONNECTIONS);
  try {
    for (const server of [emulator, aedes]) await connect(clients, server, CONNECTIONS);
    const measure = async ({ name, pid }: Server): Promise<Round> => {
      const before = cpuMicroseconds([pid]);
      const { perSecond = NaN } = await ask(clients, { kind: 'send', group: name, messages: MESSAGES });
      return { perSecond, cpuUs: (cpuMicroseconds([pid]) - before) / MESSAGES };
    };
    const rounds = await measuredInAlternation(
      ROUNDS,
      { emulator: () => measure(emulator), aedes: () => measure(aedes) },
      2,
    );
    for (const { name } of [emulator, aedes]) await ask(clients, { kind: 'close', group: name });
    const of = (all: readonly Round[], key: keyof Round): number[] => all.map((round) => round[key]);
    const at = `over ${CONNECTIONS.toLocaleString('en')} connections`;
    return [
      result(
        `MQTT telemetry ${at}`,
        of(rounds.emulator, 'perSecond'),
        aedes.name,
        of(rounds.aedes, 'perSecond'),
        'a second',
      ),
      result(
        `CPU of the server an MQTT message, ${at}`,
        of(rounds.emulator, 'cpuUs'),
        aedes.name,
        of(rounds.aedes, 'cpuUs'),
        'µs',
      ),
    ];
  } finally {
    await close();
  }
}

async function idleConnections(folder: string, clients: Clients): Promise<Result[]> {
  const { emulator, aedes, close } = await startServers(folder, IDLE_CONNECTIONS);
  try {
    const used: Record<string, number> = {};
    for (const server of [emulator, aedes]) {
      const before = residentMb(server.pid);
      await connect(clients, server, IDLE_CONNECTIONS);
      used[server.name] = residentMb(server.pid) - before;
      await ask(clients, { kind: 'close', group: server.name });
    }
    return [
      result(
        `memory of ${IDLE_CONNECTIONS.toLocaleString('en')} idle MQTT connections`,
        [used[emulator.name] ?? NaN],
        aedes.name,
        [used[aedes.name] ?? NaN],
        'MB',
      ),
    ];
  } finally {
    await close();
  }
}

async function startServers(
  folder: string,
  devices: number,
): Promise<{ emulator: Server; aedes: Server; close: () => Promise<void> }> {
  const hub = await startEmulatorProcess(PARTITIONS);
  let bare: Child | undefined;
  const close = async (): Promise<void> => {
    await bare?.close();
    await hub.close();
  };
  try {
    await registerDevices(hub, devices);
    const certificateFile = join(folder, 'aedes.pem');
    bare = await startScript('bench/mqtt/runAedes.ts', { BENCH_CERTIFICATE_FILE: certificateFile });
    const [ca, certificate] = await Promise.all([
      readFile(hub.settings.IOTHUB_CA_FILE, 'utf8'),
      readFile(certificateFile, 'utf8'),
    ]);
    return {
      emulator: { name: 'the emulator', port: hub.mqttPort, pid: hub.pid, ca },
      aedes: { name: 'a bare aedes', port: Number(bare.ready), pid: bare.pid, ca: certificate },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Connects devices. Only the emulator reads their user names and passwords. */
function connect(clients: Clients, { name, port, ca }: Server, count: number): Promise<ClientReply> {
  return ask(clients, {
    kind: 'connect',
    group: name,
    count,
    port,
    ca,
    host: HUB_HOST_NAME,
    password: policyToken('device'),
    fillerCharacters: FILLER_CHARACTERS,
  });
}

async function ask(clients: Clients, wanted: ClientRequest): Promise<ClientReply> {
  const reply = await clients.ask(wanted);
  if (reply.error !== undefined) throw new Error(reply.error);
  return reply;
}

async function registerDevices(
  { hubPort, settings }: { hubPort: number; settings: { IOTHUB_CA_FILE: string } },
  count: number,
): Promise<void> {
  const agent = new Agent({ ca: await readFile(settings.IOTHUB_CA_FILE), keepAlive: true });
  for (let first = 0; first < count; first += BULK) {
    const devices = Array.from({ length: Math.min(BULK, count - first) }, (_, i) => ({
      id: `bench-${first + i}`,
      importMode: 'create',
      status: 'enabled',
    }));
    await new Promise<void>((resolve, reject) => {
      request(
        `https://127.0.0.1:${hubPort}/devices?api-version=2021-04-12`,
        {
          agent,
          method: 'POST',
          headers: { authorization: policyToken('registryReadWrite'), 'content-type': 'application/json' },
        },
        (response) => {
          response.resume().once('end', () => {
            if (response.statusCode === 200) resolve();
            else reject(new Error(`the devices could not be registered: ${response.statusCode ?? 0}`));
          });
        },
      )
        .on('error', reject)
        .end(JSON.stringify(devices));
    });
  }
  agent.destroy();
}
