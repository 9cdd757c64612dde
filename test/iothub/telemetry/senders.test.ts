// @module-tag full

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../../emulator/index';
import { SharedAccessSignature } from 'azure-iot-common';
import { IS_FULL, runs } from '../../testSize';
import type { SendersReport } from './senders';

const KEY = Buffer.alloc(32, 6).toString('base64');
const [UNKNOWN, DEVICES, MESSAGES] = IS_FULL ? [100_000, 20_000, 5] : [2_000, 1_000, 1];
/** What the heap may grow by, in MB; a short run would leak less. */
const MAX_GROWTH_MB = runs(5, 10);
const LIMIT_MS = runs(100_000, 600_000);
const BULK = 100;

let emulator: Emulator;
let caFolder: string;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 4, caFolder });
  const agent = new Agent({ keepAlive: true, ca: emulator.ca });
  for (let from = 0; from < DEVICES; from += BULK) {
    const count = Math.min(BULK, DEVICES - from);
    await createDevices(
      agent,
      Array.from({ length: count }, (_, n) => `device-${from + n}`),
    );
  }
  agent.destroy();
}, LIMIT_MS);
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

function createDevices(agent: Agent, ids: string[]): Promise<void> {
  const symmetricKey = { primaryKey: KEY, secondaryKey: KEY };
  const body = JSON.stringify(
    ids.map((id) => ({ id, importMode: 'create', authentication: { type: 'sas', symmetricKey } })),
  );
  const expiry = Math.ceil(Date.now() / 1_000) + 3_600;
  const { key } = POLICIES.iothubowner;
  const token = SharedAccessSignature.create(emulator.hostName, 'iothubowner', key, expiry).toString();
  return new Promise((resolve, reject) => {
    request(
      `${emulator.endpoint}/devices?api-version=2021-04-12`,
      { agent, method: 'POST', headers: { authorization: token, 'content-type': 'application/json' } },
      (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`the registry answered ${response.statusCode ?? 0}`));
        });
      },
    )
      .on('error', reject)
      .end(body);
  });
}

function runSenders(): Promise<{ report: SendersReport; code: number | null }> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', join(__dirname, 'senders.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      IOTHUB_HOSTNAME: emulator.hostName,
      IOTHUB_EVENTHUB_CONNECTION: emulator.connectionStrings.eventHub('service'),
      IOTHUB_ENDPOINT: emulator.endpoint,
      IOTHUB_CA_FILE: emulator.caFile,
      SENDERS_UNKNOWN: String(UNKNOWN),
      SENDERS_DEVICES: String(DEVICES),
      SENDERS_MESSAGES: String(MESSAGES),
      SENDERS_KEY: KEY,
    },
  });
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ report: JSON.parse(out) as SendersReport, code });
    });
  });
}

test(
  'a flood of unknown devices and thousands of real ones leave memory flat, no timer, and good senders unharmed',
  { timeout: LIMIT_MS, retry: 0 },
  async () => {
    const { report, code } = await runSenders();
    if (IS_FULL) console.log(report);
    expect(report.unknown).toEqual({ device_unauthorized: UNKNOWN });
    expect(report.good).toEqual({ stored: Math.ceil(UNKNOWN / 20) });
    expect(report.devices).toEqual({ stored: DEVICES * MESSAGES });
    expect(report.heap.afterFlood - report.heap.start).toBeLessThan(MAX_GROWTH_MB);
    expect(report.heap.afterDevices - report.heap.start).toBeLessThan(MAX_GROWTH_MB);
    expect(report.open.Timeout ?? 0).toBe(0);
    expect(report.open.TCPSocketWrap ?? 0).toBe(0);
    expect(code).toBe(0);
  },
);
