import type { Emulator } from '../emulator/index';
import { type AnalyticsPart, type AnalyticsPorts, QUERY_FILE } from './analyticsStack';
import { LOCAL_HOST_KEY, LOCAL_WEB_KEY, LOCAL_WORKER_KEY } from './functionKeys';
import type { HomepageLink } from './functionsHost';
import { databaseUrl } from './products';
import { createTerminal, table } from './terminal';

/** The key in the example commands, so that they can be run repeatedly: "Hubfront demo device key 000001". */
const DEMO_DEVICE_KEY = 'SHViZnJvbnQgZGVtbyBkZXZpY2Uga2V5IDAwMDAwMQ==';

interface Guide {
  emulator: Emulator;
  /** of the functions */
  url: string;
  shopOrigin: string;
  /** names of the parts that are still starting */
  ports: AnalyticsPorts | undefined;
  hasOwnDatabase: boolean;
}

/**
 * Prints the addresses of the parts, the parts that are still starting, example commands, and `ready <url>` as the
 * last line.
 */
export function printGuide({ emulator, url, shopOrigin, ports, hasOwnDatabase }: Guide): void {
  const { strong, good, quiet, link } = createTerminal();
  const keys = `${LOCAL_WEB_KEY} registers devices, ${LOCAL_WORKER_KEY} reads the feed, ${LOCAL_HOST_KEY} opens everything`;
  const starting = ports
    ? [
        `dashboard (port ${ports.dashboard.port})`,
        ...(hasOwnDatabase ? [] : [`product database (port ${ports.database.port})`]),
        `Blob storage (port ${ports.blob.port})`,
      ]
    : [];
  const rows = table([
    ['functions', link(`${url}/api`), quiet(`keys: ${keys}`)],
    [
      'emulator',
      `${link(emulator.endpoint)}  amqp://127.0.0.1:${emulator.amqpPort}  mqtts://127.0.0.1:${emulator.mqttPort}`,
      quiet(`CA: ${emulator.caFile}`),
    ],
    ['demo shop', link(shopOrigin)],
    ...(starting.length > 0 ? ([['starting', quiet(starting.join(', '))]] as const) : []),
  ]);
  const key = (value: string): string => `-H 'x-functions-key: ${value}'`;
  const json = "-H 'content-type: application/json'";
  console.log(`
${rows.join('\n')}

${strong('Try it from another terminal:')}
  curl -si ${url}/api/devices ${key(LOCAL_WEB_KEY)} ${json} -d '{"deviceId":"webClient101","deviceKey":"${DEMO_DEVICE_KEY}"}'
  curl -si ${url}/api/messages -H 'Origin: ${shopOrigin}' ${json} -d '{"deviceId":"webClient101","deviceKey":"${DEMO_DEVICE_KEY}","deviceMessage":{"event":"browse_product","product_id":162}}'
  curl -s '${url}/api/message_feed?after_offset=0' ${key(LOCAL_WORKER_KEY)}

Ctrl-C stops everything.
${good('ready')} ${link(url)}`);
}

/** The links to other parts on the page of the functions. */
export function homepageLinks(
  emulator: Emulator,
  shopOrigin: string,
  ports: AnalyticsPorts | undefined,
  hasOwnDatabase: boolean,
): HomepageLink[] {
  return [
    { name: 'Demo shop', url: shopOrigin, description: 'sends its visitors’ events to the functions' },
    ...(ports ? analyticsLinks(ports, hasOwnDatabase) : []),
    { name: 'IoT Hub emulator', url: emulator.endpoint, description: 'the device registry and telemetry' },
    {
      name: 'Event Hub-compatible endpoint',
      url: `amqp://127.0.0.1:${emulator.amqpPort}`,
      description: 'from which readers receive the messages',
    },
    {
      name: 'MQTT for devices',
      url: `mqtts://127.0.0.1:${emulator.mqttPort}`,
      description: 'where sensors send telemetry',
    },
  ];
}

function analyticsLinks(
  { dashboard, database, blob }: AnalyticsPorts,
  hasOwnDatabase: boolean,
): HomepageLink[] {
  const later = 'starts some seconds after the functions';
  const productDatabase = { name: 'Product database', url: databaseUrl(database.port) };
  return [
    {
      name: 'Dashboard',
      url: `http://localhost:${dashboard.port}`,
      description: `shows the rows of the analytics job; ${later}`,
    },
    // The URL of another database may contain a password.
    ...(hasOwnDatabase ? [] : [{ ...productDatabase, description: `PostgreSQL (PGlite); ${later}` }]),
    {
      name: 'Blob storage',
      url: `http://127.0.0.1:${blob.port}/devstoreaccount1`,
      description: `Azurite, with the product snapshots; ${later}`,
    },
  ];
}

/** Prints the row of a part that became ready later. */
export function printReady(part: AnalyticsPart, url: string): void {
  const { link, quiet } = createTerminal();
  const rows: Record<AnalyticsPart, [string, ...string[]]> = {
    blob: ['storage', url, quiet('Blob storage (Azurite)')],
    products: ['products', url, quiet('the product database, PostgreSQL (PGlite)')],
    snapshot: [
      'snapshots',
      `curl -X POST ${url} -H 'x-functions-key: ${LOCAL_HOST_KEY}' -H 'content-type: application/json' -d '{}'`,
      quiet('takes a product snapshot now'),
    ],
    dashboard: ['dashboard', link(url), quiet(`${QUERY_FILE}, as Stream Analytics runs it`)],
  };
  const [name, ...cells] = rows[part];
  console.log([name.padEnd('functions'.length), ...cells].join('  '));
}

/** Prints the row of the sensors when they have connected. */
export function printSensors(deviceIds: string): void {
  const { quiet } = createTerminal();
  console.log(
    ['sensors'.padEnd('functions'.length), deviceIds, quiet('send telemetry over MQTT')].join('  '),
  );
}
