/** Measures single sends of visitors. */
import { type Result, measuredInAlternation, result } from '../measure';
import { type Load, type LoadRequest, type LoadResult, createLoad } from './load';

const ROUNDS = 9;
const REQUESTS = 3_000;
/** One after the other, over one connection. */
const LONE_REQUESTS = 200;
/** A visitor sends at most 120 requests at once: so many visitors that none reaches the limit. */
const VISITORS = 2_000;
const CONNECTION_COUNTS = [32, 256];
const REGISTERING_AT_ONCE = 32;

/** What the load is put on, each in the same host. */
export interface VisitorSubjects {
  /** port of the app with `VISITOR_DEVICES` */
  appPort: number;
  /** function key of the app */
  key: string;
  /** an ordinary device, as one message of the load */
  ordinary: LoadRequest;
  event: object;
  barePort: number;
  /** a message through the bare proxy */
  bare: LoadRequest;
  /** number of device-to-cloud requests that the hub has received */
  hubRequests: () => Promise<number>;
}

/**
 * Single sends of visitors, which share operations of the hub, against an ordinary device of the same app (the path
 * without `VISITOR_DEVICES`) and against the bare proxy as a function in the same host.
 */
export async function benchVisitors(subjects: VisitorSubjects): Promise<Result[]> {
  const visitors = await registerVisitors(subjects);
  let next = 0;
  const visitor: LoadRequest = {
    ...subjects.ordinary,
    body: (n) => {
      next += 1;
      return JSON.stringify({
        ...visitors[next % VISITORS],
        deviceMessage: { ...subjects.event, n },
      });
    },
  };
  const results: Result[] = [];
  for (const connections of CONNECTION_COUNTS) results.push(...(await busy(subjects, visitor, connections)));
  results.push(...(await lone(subjects, visitor)));
  return results;
}

async function busy(
  { appPort, barePort, ordinary, bare, hubRequests }: VisitorSubjects,
  visitor: LoadRequest,
  connections: number,
): Promise<Result[]> {
  const loads = {
    visitors: createLoad(appPort, connections, visitor),
    ordinary: createLoad(appPort, connections, ordinary),
    bare: createLoad(barePort, connections, bare),
  };
  const operations: number[] = [];
  const rounds = await measuredInAlternation(ROUNDS, {
    visitors: async () => {
      const before = await hubRequests();
      const round = await loads.visitors.run(REQUESTS);
      operations.push(((await hubRequests()) - before) / REQUESTS);
      return round;
    },
    ordinary: () => loads.ordinary.run(REQUESTS),
    bare: () => loads.bare.run(REQUESTS),
  });
  await closeAll(Object.values(loads));
  const rates = (all: readonly LoadResult[]): number[] => all.map(({ perSecond }) => perSecond);
  const p99s = (all: readonly LoadResult[]): number[] => all.map(({ p99 }) => p99);
  const at = `, ${connections} connections`;
  const bareName = 'node:http + undici pool, as a function in the same host';
  return [
    result(`visitors' sends${at}`, rates(rounds.visitors), bareName, rates(rounds.bare), 'a second'),
    result(
      `visitors' sends${at}`,
      rates(rounds.visitors),
      'ordinary devices',
      rates(rounds.ordinary),
      'a second',
    ),
    result(`p99 of visitors${at}`, p99s(rounds.visitors), 'ordinary devices', p99s(rounds.ordinary)),
    result(
      `operations of the hub a visitor's message${at}`,
      operations.slice(-ROUNDS),
      undefined,
      undefined,
      'count',
    ),
  ];
}

/** A visitor alone, whose gateway has sent a moment before or not. */
async function lone({ appPort, ordinary }: VisitorSubjects, visitor: LoadRequest): Promise<Result[]> {
  const loads = { visitors: createLoad(appPort, 1, visitor), ordinary: createLoad(appPort, 1, ordinary) };
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

async function registerVisitors({ appPort, key }: VisitorSubjects): Promise<Visitor[]> {
  const visitors: Visitor[] = [];
  const register = async (): Promise<void> => {
    while (visitors.length < VISITORS) {
      const response = await fetch(`http://127.0.0.1:${appPort}/api/devices`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-functions-key': key },
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
