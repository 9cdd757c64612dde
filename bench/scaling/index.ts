/** `npm run bench -- scaling`: a synthetic day against IoT Hub's throttles, in a simulation. */
import { type Result, result } from '../measure';
import { type DayResult, type Scenario, gatewaysOfHubs, hubOfGateway, simulateDay } from './simulateDay';

export const SCENARIOS: readonly Scenario[] = [
  { visitorsPerDay: 10_000, tier: 'S1', units: 1, hubs: 1, gateways: 0 },
  { visitorsPerDay: 10_000, tier: 'S1', units: 1, hubs: 1, gateways: 16 },
  { visitorsPerDay: 100_000, tier: 'S1', units: 3, hubs: 1, gateways: 0 },
  { visitorsPerDay: 100_000, tier: 'S1', units: 3, hubs: 1, gateways: 16 },
  { visitorsPerDay: 10_000_000, tier: 'S3', units: 1, hubs: 1, gateways: 0 },
  { visitorsPerDay: 10_000_000, tier: 'S3', units: 1, hubs: 1, gateways: 16 },
  { visitorsPerDay: 10_000_000, tier: 'S2', units: 8, hubs: 3, gateways: 96 },
  { visitorsPerDay: 10_000_000, tier: 'S1', units: 100, hubs: 4, gateways: 96 },
];

const HEADINGS = [
  'visitors per day',
  'hubs',
  'senders',
  'messages per second, peak',
  'send operations per second, peak of a hub',
  'operations per message',
  'registrations with 429',
  'sends with 429',
  'longest wait, s',
  'quota used, %',
];

/** The results as the table of docs/scaling.md. */
export function scalingTable(): string {
  const rows = SCENARIOS.map((scenario) => rowOf(scenario, simulateDay(scenario)));
  return [HEADINGS, HEADINGS.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

function rowOf({ visitorsPerDay, tier, units, hubs, gateways }: Scenario, day: DayResult): string[] {
  return [
    whole(visitorsPerDay),
    `${hubs} with ${units} × ${tier}`,
    gateways === 0 ? 'one device per browser' : `${gateways} gateways`,
    whole(day.peakMessagesPerSecond),
    whole(day.peakOperationsPerSecond),
    day.operationsPerMessage.toFixed(2),
    whole(day.rejectedRegistrations),
    whole(day.rejectedSends),
    day.longestWaitSeconds.toFixed(1),
    whole(day.quotaShare * 100),
  ];
}

/** How evenly rendezvous hashing spreads gateways, and how many move to a new hub. */
export function gatewaySpread(
  gateways: number,
  hubs: number,
): { largest: number; average: number; moved: number } {
  const counts = gatewaysOfHubs(gateways, hubs);
  const moved = Array.from({ length: gateways }, (_, gateway) => gateway).filter(
    (gateway) => hubOfGateway(gateway, hubs) !== hubOfGateway(gateway, hubs + 1),
  );
  return { largest: Math.max(...counts), average: gateways / hubs, moved: moved.length };
}

export function benchScaling(): Promise<Result[]> {
  console.log(scalingTable());
  return Promise.resolve(
    SCENARIOS.flatMap((scenario) => {
      const day = simulateDay(scenario);
      const name = `${whole(scenario.visitorsPerDay)} visitors, ${scenario.hubs} × ${scenario.units} ${scenario.tier}, ${scenario.gateways} gateways`;
      const line = (what: string, value: number): Result =>
        result(`${what}: ${name}`, [value], undefined, undefined, 'count');
      return [
        line('peak of operations a second', day.peakOperationsPerSecond),
        line('sends and registrations with 429', day.rejectedSends + day.rejectedRegistrations),
      ];
    }),
  );
}
