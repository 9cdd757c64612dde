/** Measures single sends of visitors. */
import { type Result, measuredInAlternation, result } from '../measure';
import { cpuMicroseconds } from './childProcess';
import { BARE_NAME, EVENT, KEY, startFronts } from './front';
import { type Load, type LoadRequest, type LoadResult, createLoad } from './load';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const REQUESTS = 3_000;
/** One after the other, over one connection. */
const LONE_REQUESTS = 200;
/** A visitor sends at most 120 requests at once: so many visitors that none reaches the limit. */
const VISITORS = 2_000;
const CONNECTION_COUNTS = [32, 256];
const REGISTERING_AT_ONCE = 32;

type Fronts = Awaited<ReturnType<typeof startFronts>>;

/**
 * Single sends of visitors, which share operations of the hub, against an ordinary device of the same app (the path
 * without `VISITOR_DEVICES`) and against the bare proxy as a function in the same host. Hub and load generator need as
 * much CPU time as the app, on the same cores. So the CPU time of the app's worker is also compared: it limits how many
 * messages one instance sends if the hub is elsewhere. Functions that send nothing show the upper bound of any function.
 */
export async function benchVisitors(): Promise<Result[]> {
  const fronts = await startFronts();
  try {
    const visitors = await registerVisitors(fronts.app.port);
    let next = 0;
    const visitor: LoadRequest = {
      ...fronts.ordinary,
      body: (n) => {
        next += 1;
        return JSON.stringify({ ...visitors[next % VISITORS], deviceMessage: { ...EVENT, n } });
      },
    };
    const results: Result[] = [];
    for (const connections of CONNECTION_COUNTS) results.push(...(await busy(fronts, visitor, connections)));
    results.push(...(await lone(fronts, visitor)));
    return results;
  } finally {
    await fronts.close();
  }
}

interface Round extends LoadResult {
  /** CPU time of the worker per message, µs */
  workerUs: number;
  /** operations of the hub per message */
  operations: number;
}

async function busy(
  { app, bare, empty, emulator, ordinary, throughBare }: Fronts,
  visitor: LoadRequest,
  connections: number,
): Promise<Result[]> {
  const loads = {
    visitors: createLoad(app.port, connections, visitor),
    ordinary: createLoad(app.port, connections, ordinary),
    bare: createLoad(bare.port, connections, throughBare),
    empty: createLoad(empty.port, connections, { ...visitor, path: '/api/empty' }),
    respond: createLoad(empty.port, connections, { ...visitor, path: '/api/respond' }),
  };
  const measure = async (load: Load, workerPid: number): Promise<Round> => {
    const [operations, cpu] = [await emulator.requests(), cpuMicroseconds([workerPid])];
    const round = await load.run(REQUESTS);
    const workerUs = (cpuMicroseconds([workerPid]) - cpu) / REQUESTS;
    return { ...round, workerUs, operations: ((await emulator.requests()) - operations) / REQUESTS };
  };
  const rounds = await measuredInAlternation(ROUNDS, {
    visitors: () => measure(loads.visitors, app.workerPid),
    ordinary: () => measure(loads.ordinary, app.workerPid),
    bare: () => measure(loads.bare, bare.workerPid),
    empty: () => measure(loads.empty, empty.workerPid),
    respond: () => measure(loads.respond, empty.workerPid),
  });
  await closeAll(Object.values(loads));
  const of = (all: readonly Round[], key: keyof Round): number[] => all.map((round) => round[key]);
  const at = `, ${connections} connections`;
  const { visitors, ordinary: devices, bare: proxied } = rounds;
  const rates = of(visitors, 'perSecond');
  const cpu = of(visitors, 'workerUs');
  return [
    result(`visitors' sends${at}`, rates, BARE_NAME, of(proxied, 'perSecond'), 'a second'),
    result(`visitors' sends${at}`, rates, 'ordinary devices', of(devices, 'perSecond'), 'a second'),
    result(`p99 of visitors${at}`, of(visitors, 'p99'), 'ordinary devices', of(devices, 'p99')),
    result(`worker's CPU a visitor's message${at}`, cpu, BARE_NAME, of(proxied, 'workerUs'), 'µs'),
    result(`worker's CPU a visitor's message${at}`, cpu, 'ordinary devices', of(devices, 'workerUs'), 'µs'),
    result(
      `operations of the hub a visitor's message${at}`,
      of(visitors, 'operations'),
      undefined,
      undefined,
      'count',
    ),
    ...Object.entries({
      'empty function in the same host': rounds.empty,
      'function that reads the body and returns a response': rounds.respond,
    }).flatMap(([name, bound]) => [
      result(`${name}${at}`, of(bound, 'perSecond'), BARE_NAME, of(proxied, 'perSecond'), 'a second'),
      result(`CPU of the ${name}${at}`, of(bound, 'workerUs'), BARE_NAME, of(proxied, 'workerUs'), 'µs'),
    ]),
  ];
}

/** A visitor alone, whose gateway has sent a moment before or not. */
async function lone({ app, ordinary }: Fronts, visitor: LoadRequest): Promise<Result[]> {
  const loads = { visitors: createLoad(app.port, 1, visitor), ordinary: createLoad(app.port, 1, ordinary) };
  const rounds = await measuredInAlternation(ROUNDS, {
    visitors: () => loads.visitors.run(LONE_REQUESTS),
    ordinary: () => loads.ordinary.run(LONE_REQUESTS),
  });
  await closeAll(Object.values(loads));
  const p50s = (all: readonly LoadResult[]): number[] => all.map(({ p50 }) => p50);
  const p99s = (all: readonly LoadResult[]): number[] => all.map(({ p99 }) => p99);
  return [
    result('a lone send of a visitor', p50s(rounds.visitors), 'an ordinary device', p50s(rounds.ordinary)),
    result('its p99', p99s(rounds.visitors), 'an ordinary device', p99s(rounds.ordinary)),
  ];
}

async function closeAll(loads: readonly Load[]): Promise<void> {
  await Promise.all(loads.map((load) => load.close()));
}

interface Visitor {
  deviceId: string;
  deviceKey: string;
}

async function registerVisitors(port: number): Promise<Visitor[]> {
  const visitors: Visitor[] = [];
  const register = async (): Promise<void> => {
    while (visitors.length < VISITORS) {
      const response = await fetch(`http://127.0.0.1:${port}/api/devices`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-functions-key': KEY },
        body: '{}',
      });
      if (response.status !== 201) throw new Error(`a visitor could not be registered: ${response.status}`);
      const { deviceInfo } = (await response.json()) as {
        deviceInfo: { deviceId: string; authentication: { symmetricKey: { primaryKey: string } } };
      };
      const { deviceId, authentication } = deviceInfo;
      visitors.push({ deviceId, deviceKey: authentication.symmetricKey.primaryKey });
    }
  };
  await Promise.all(Array.from({ length: REGISTERING_AT_ONCE }, register));
  return visitors;
}
