/** Benchmark of CPU time and memory per message. */

import { startEmulatorProcess } from '../emulatorProcess';
import { type Result, result } from '../measure';
import { createPollClient, readResponse } from '../pollClient';
import { createLoad } from '../sending/load';
import { drawFlameGraph, topCosts } from './flameGraph';
import { type ProbedHost, startProbedHost } from './probedHost';

const KEY = 'bench';
const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
const CONNECTIONS = 8;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const SENDS = 2_000;
const MESSAGES = 10_000;
const MESSAGES_SENT_IN_ALL = Number(process.env.COST_SENDS ?? 100_000);
const MESSAGES_POLLED_IN_ALL = Number(process.env.COST_POLLED ?? 1_000_000);

/** Work of the app, and its number of operations. */
interface Work {
  name: string;
  run: () => Promise<unknown>;
  count: number;
}

/**
 * Measures CPU time and memory of the app's process per sent and per polled message: all its threads, including
 * garbage collection and the programming model, but without the host, the hub and the client. There is no peer,
 * because the benches `sending` and `feed` compare with bare proxies and a bare receiver. This bench shows where the
 * time is spent. At the end it measures the memory after many messages.
 */
export async function benchCost(): Promise<Result[]> {
  const emulator = await startEmulatorProcess(4);
  const probed = await startProbedHost(emulator.settings, KEY);
  const load = createLoad(probed.host.port, CONNECTIONS, {
    path: '/api/messages',
    headers: { 'content-type': 'application/json' },
    body: (n) =>
      JSON.stringify({
        deviceId: 'bench',
        deviceKey: DEVICE_KEY,
        deviceMessage: { event: 'browse_product', product_id: 162, n },
      }),
    expected: 201,
  });
  const { poll, close } = createPollClient(probed.host.url, KEY);
  try {
    const atLoad = await probed.memory();
    await register(probed);
    await load.run(SENDS); // warm
    await emulator.seed(MESSAGES);
    const pollAll = () => poll({ limit: MESSAGES, after_offset: 0 });
    await pollAll();
    const works: Work[] = [
      { name: 'send', run: () => load.run(SENDS), count: SENDS },
      { name: 'polled message', run: pollAll, count: MESSAGES },
    ];
    const used: Record<string, Used[]> = {};
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const work of works) (used[work.name] ??= []).push(await measure(probed, work));
    }
    const results = works.flatMap(({ name }) => lines(name, used[name] ?? []));
    for (const { name, run } of works) {
      const profile = await probed.profiled(run);
      await drawFlameGraph(profile, `docs/flame-${name.replace(' ', '-')}.svg`, `A ${name}: CPU of the app`);
      console.log(`\nTop costs of a ${name}, by its profile:`);
      console.table(topCosts(profile));
    }
    return [...results, ...(await memory(probed, atLoad, load.run, emulator.seed, poll))];
  } finally {
    close();
    await load.close();
    await probed.close();
    await emulator.close();
  }
}

/** Cost of one message. */
interface Used {
  cpuUs: number;
  gcUs: number;
  bytes: number;
}

async function measure({ usage, allocated }: ProbedHost, { run, count }: Work): Promise<Used> {
  const before = await usage();
  await run();
  const after = await usage();
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / count,
    gcUs: ((after.gcMs - before.gcMs) * 1_000) / count,
    bytes: (await allocated(run)) / count,
  };
}

function lines(name: string, used: readonly Used[]): Result[] {
  const all = (get: (one: Used) => number): number[] => used.map(get);
  return [
    result(
      `CPU a ${name}`,
      all(({ cpuUs }) => cpuUs),
      undefined,
      undefined,
      'µs',
    ),
    result(
      `of which garbage collection, a ${name}`,
      all(({ gcUs }) => gcUs),
      undefined,
      undefined,
      'µs',
    ),
    result(
      `allocated a ${name}`,
      all(({ bytes }) => bytes / 1_024),
      undefined,
      undefined,
      'KB',
    ),
  ];
}

type Memory = Awaited<ReturnType<ProbedHost['memory']>>;

async function memory(
  probed: ProbedHost,
  atLoad: Memory,
  send: (count: number) => Promise<unknown>,
  seed: (count: number) => Promise<unknown>,
  poll: ReturnType<typeof createPollClient>['poll'],
): Promise<Result[]> {
  await send(MESSAGES_SENT_IN_ALL);
  const afterSends = await probed.memory();
  await seed(MESSAGES_POLLED_IN_ALL);
  let [after, polled] = ['0', 0];
  while (polled < MESSAGES_POLLED_IN_ALL) {
    const answer = readResponse(await poll({ limit: 10_000, after_offset: after }));
    polled += answer.messages.length;
    after = answer.next_offset;
  }
  const afterPolls = await probed.memory();
  const line = (when: string, { heapMb, rssMb }: Memory): Result[] => [
    result(`heap ${when}`, [heapMb], undefined, undefined, 'MB'),
    result(`resident memory ${when}`, [rssMb], undefined, undefined, 'MB'),
  ];
  return [
    ...line('after load', atLoad),
    ...line(`after ${MESSAGES_SENT_IN_ALL.toLocaleString('en')} sends`, afterSends),
    ...line(`after ${MESSAGES_POLLED_IN_ALL.toLocaleString('en')} polled messages`, afterPolls),
  ];
}

async function register({ host }: ProbedHost): Promise<void> {
  const { status } = await fetch(`${host.url}/api/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': KEY },
    body: JSON.stringify({ deviceId: 'bench', deviceKey: DEVICE_KEY }),
  });
  if (status !== 201) throw new Error(`the device could not be registered: ${status}`);
}
