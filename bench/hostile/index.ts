/** Benchmark of hostile request bodies. */

import { request } from 'node:http';
import { startEmulatorProcess } from '../emulatorProcess';
import { type ProbedHost, startProbedHost } from '../cost/probedHost';
import { type Result, measuredInAlternation, result } from '../measure';
import {
  type Body,
  busyBatches,
  emptyGzip,
  longPlainText,
  longText,
  ordinaryBatch,
  rejectedBodies,
} from './bodies';

const KEY = 'bench';
/** The inflated size of the first reported attack: the maximum that fits into 4 KB of gzip. */
const INFLATED_BYTES = 2_000_000;
/** The largest allowed body, of gzip that inflates to nothing. */
const SENT_BYTES = 4_000_000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const REQUESTS = 8;

/**
 * Measures the CPU time of the app's process for hostile bodies. The peer is an ordinary body of the same inflated
 * size, a batch of events from a page that was offline. For gzip that inflates to nothing, the peer is a plain body of
 * the compressed size.
 */
export async function benchHostile(rounds = ROUNDS): Promise<Result[]> {
  const emulator = await startEmulatorProcess(4);
  const probed = await startProbedHost(emulator.settings, KEY);
  try {
    await post(probed, '/api/devices', {
      name: 'registration',
      bytes: Buffer.from(
        JSON.stringify({ deviceId: 'bench', deviceKey: Buffer.alloc(32, 1).toString('base64') }),
      ),
      gzip: false,
    });
    const text = longText(INFLATED_BYTES);
    const batch = ordinaryBatch(INFLATED_BYTES);
    const plain = longPlainText(SENT_BYTES);
    const pairs: [Body, Body][] = [
      [text, batch],
      ...[...rejectedBodies(INFLATED_BYTES), ...busyBatches(INFLATED_BYTES)].map((body): [Body, Body] => [
        body,
        batch,
      ]),
      ...emptyGzip(SENT_BYTES).map((body): [Body, Body] => [body, plain]),
    ];
    const all = [...new Set(pairs.flat())];
    const subjects = Object.fromEntries(
      all.map((body) => [body.name + String(body.bytes.length), () => cpuMs(probed, body)]),
    );
    const cpu = await measuredInAlternation(rounds, subjects);
    const of = (body: Body): number[] => cpu[body.name + String(body.bytes.length)] ?? [];
    return pairs.map(([body, ordinary]) => result(body.name, of(body), ordinary.name, of(ordinary)));
  } finally {
    await probed.close();
    await emulator.close();
  }
}

async function cpuMs(probed: ProbedHost, body: Body): Promise<number> {
  const before = await probed.usage();
  for (let n = 0; n < REQUESTS; n += 1) await post(probed, '/api/messages', body);
  const after = await probed.usage();
  return (after.cpuUs - before.cpuUs) / 1_000 / REQUESTS;
}

function post({ host }: ProbedHost, path: string, { bytes, gzip }: Body): Promise<number> {
  return new Promise((resolve, reject) => {
    request(
      `${host.url}${path}`,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': bytes.length,
          'x-functions-key': KEY,
          ...(gzip && { 'content-encoding': 'gzip' }),
        },
      },
      (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    )
      .on('error', reject)
      .end(bytes);
  });
}
