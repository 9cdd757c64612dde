/**
 * Benchmark of the emulator: its CPU time for a message that a device sends over HTTPS, and for one that a reader of the
 * Event Hub-compatible endpoint gets. The peer is the emulator of another checkout, such as that of an older commit.
 */

import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { EVENT_HUB_NAME, HUB_HOST_NAME, POLICIES } from '../emulator/index';
import { startEmulatorProcess } from './emulatorProcess';
import { measuredInAlternation, result, type Result } from './measure';
import { policyToken } from './policyToken';
import { startRawProcess } from './rawProcess';
import { cpuMicroseconds } from './sending/childProcess';

const PARTITIONS = 4;
const CONNECTIONS = 32;
const SENDS = 5_000;
/** Messages of 200 bytes that are read in a round. */
const READS = 40_000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const DEVICE_ID = 'sender';
const NO_CONTENT = 204;

/** CPU time of the emulator in µs a message. */
interface Cost {
  sendUs: number;
  readUs: number;
}

/** @param base the folder of the other checkout; absent: there is no peer */
export async function benchEmulator(base = process.env.BENCH_BASE): Promise<Result[]> {
  const own = await startSubject();
  const other = base === undefined ? undefined : await startSubject(base);
  try {
    const rounds = await measuredInAlternation(
      ROUNDS,
      { own: own.measure, ...(other && { other: other.measure }) } as Record<
        'own' | 'other',
        () => Promise<Cost>
      >,
      2,
    );
    const of = (key: keyof Cost, all: readonly Cost[] = []) => all.map((cost) => cost[key]);
    const row = (what: string, key: keyof Cost): Result =>
      other
        ? result(what, of(key, rounds.own), 'the emulator of BENCH_BASE', of(key, rounds.other), 'µs')
        : result(what, of(key, rounds.own), undefined, undefined, 'µs');
    return [
      row('CPU of the emulator a message sent over HTTPS', 'sendUs'),
      row('CPU of the emulator a message read over AMQP', 'readUs'),
    ];
  } finally {
    await own.close();
    await other?.close();
  }
}

async function startSubject(base?: string) {
  const emulator = await startEmulatorProcess(PARTITIONS, base);
  const { hubPort, amqpPort, pid, settings } = emulator;
  const { partitions } = await emulator.seed(READS);
  const counts = new Map(partitions.map(({ partitionId, count }) => [partitionId, count]));
  const reader = await startRawProcess({
    port: amqpPort,
    hub: EVENT_HUB_NAME,
    group: 'message-feed',
    policy: 'service',
    key: POLICIES.service.key,
    partitions: [...counts.keys()],
  });
  const pool = new Pool(`https://127.0.0.1:${hubPort}`, {
    connections: CONNECTIONS,
    connect: { ca: await readFile(settings.IOTHUB_CA_FILE, 'utf8'), servername: HUB_HOST_NAME },
  });
  const version = 'api-version=2021-04-12';
  const call = async (method: 'PUT' | 'POST', path: string, token: string, body: string): Promise<number> => {
    const headers = { host: HUB_HOST_NAME, authorization: token, 'content-type': 'application/json' };
    const response = await pool.request({ method, path: `${path}?${version}`, headers, body });
    await response.body.dump();
    return response.statusCode;
  };
  const identity = JSON.stringify({ deviceId: DEVICE_ID });
  await call('PUT', `/devices/${DEVICE_ID}`, policyToken('registryReadWrite'), identity);
  const token = policyToken('device');
  const body = JSON.stringify({ temperature: 21, filler: 'x'.repeat(160) });

  const send = async (): Promise<void> => {
    let left = SENDS;
    const sender = async (): Promise<void> => {
      while (left-- > 0) {
        const status = await call('POST', `/devices/${DEVICE_ID}/messages/events`, token, body);
        if (status !== NO_CONTENT) throw new Error(`a send was refused: ${status}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  };
  const costOf = async (work: () => Promise<unknown>, messages: number): Promise<number> => {
    const before = cpuMicroseconds([pid]);
    await work();
    return (cpuMicroseconds([pid]) - before) / messages;
  };

  return {
    measure: async (): Promise<Cost> => ({
      sendUs: await costOf(send, SENDS),
      readUs: await costOf(() => reader.drain(counts), READS),
    }),
    async close() {
      await reader.close();
      await pool.destroy();
      await emulator.close();
    },
  };
}
