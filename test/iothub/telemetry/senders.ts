/**
 * A process that sends as many devices: a flood of unknown ones among good ones, then many real ones. It prints what
 * that did to its memory and its handles, and ends when nothing keeps it alive any more.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createTelemetry } from '../../../src/iothub/telemetry/telemetry';
import { readSettings } from '../../../src/settings';

export interface SendersReport {
  /** MB on the heap after a collection, each */
  heap: { start: number; afterFlood: number; afterDevices: number };
  /** verdicts by code, `stored` for none */
  unknown: Record<string, number>;
  good: Record<string, number>;
  devices: Record<string, number>;
  /** kinds of what is still open after close(), with their numbers */
  open: Record<string, number>;
}

const {
  SENDERS_UNKNOWN = '0',
  SENDERS_DEVICES = '0',
  SENDERS_MESSAGES = '0',
  SENDERS_KEY = '',
} = process.env;
const PARALLEL = 64;
const GOOD = 50;
const TURN_MS = 20;
const MAX_TURNS = 500;

const telemetry = createTelemetry(readSettings(process.env));
const message = (n: number) => ({ json: Buffer.from(String(n)), messageId: String(n), properties: {} });

async function send(into: Record<string, number>, deviceId: string, deviceKey: string, n: number) {
  const [verdict] = await telemetry.send({ deviceId, deviceKey }, [message(n)]);
  const outcome = verdict?.code ?? 'stored';
  into[outcome] = (into[outcome] ?? 0) + 1;
}

/** Runs `work` for each number below `count`, a few at a time. */
async function each(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

function heapMb(): number {
  for (let i = 0; i < 4; i += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

const isOpen = (): boolean =>
  process.getActiveResourcesInfo().some((kind) => kind === 'Timeout' || kind === 'TCPSocketWrap');

async function main(): Promise<void> {
  const report: SendersReport = {
    heap: { start: 0, afterFlood: 0, afterDevices: 0 },
    unknown: {},
    good: {},
    devices: {},
    open: {},
  };
  // 5,000 clients are kept: with as many good ones the heap is as large as it will be.
  await each(Math.min(5_000, Number(SENDERS_DEVICES)), (n) => send({}, `device-${n}`, SENDERS_KEY, n));
  report.heap.start = heapMb();
  await each(Number(SENDERS_UNKNOWN), async (n) => {
    await send(report.unknown, `unknown-${n}`, SENDERS_KEY, n);
    if (n % 20 === 0) await send(report.good, `device-${n % GOOD}`, SENDERS_KEY, n);
  });
  report.heap.afterFlood = heapMb();
  const devices = Number(SENDERS_DEVICES);
  await each(devices * Number(SENDERS_MESSAGES), (n) =>
    send(report.devices, `device-${n % devices}`, SENDERS_KEY, n),
  );
  report.heap.afterDevices = heapMb();
  telemetry.close();
  // Sockets take some turns to close.
  for (let turn = 0; turn < MAX_TURNS && isOpen(); turn += 1) await delay(TURN_MS);
  for (const kind of process.getActiveResourcesInfo()) report.open[kind] = (report.open[kind] ?? 0) + 1;
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

void main();
