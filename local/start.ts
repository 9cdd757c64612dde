import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { MAX_PARTITIONS, type Emulator, startEmulator } from '../emulator';
import { POLICIES } from '../emulator/wellKnown';
import { type AnalyticsPorts, reserveAnalyticsPorts, startAnalytics } from './analyticsStack';
import { buildApp } from './build';
import {
  LOCAL_FUNCTION_KEYS,
  LOCAL_HOST_KEY,
  LOCAL_SHOP_KEYS,
  LOCAL_WEB_KEY,
  LOCAL_WORKER_KEY,
} from './functionKeys';
import { type HomepageLink, startFunctionsHost } from './functionsHost';
import { type Running, closeAll, parsePort, startError, stopOnSignal } from './lifecycle';
import { EXAMPLE_FILE, SETTINGS_FILE, fromEnvironment, readSettingsFile } from './settingsFile';
import { databaseUrl, storageConnection } from './products';
import { apiDocumentation } from './openApi/viewer';
import { startShop } from './shop';

interface Flags {
  port: number;
  hubPort: number;
  amqpPort: number;
  shopPort: number;
  partitions: number;
  dashboardPort?: number;
  databasePort?: number;
  blobPort?: number;
  analytics: boolean;
}

const FLAG_NAMES = {
  port: '--port',
  hubPort: '--hub-port',
  amqpPort: '--amqp-port',
  shopPort: '--shop-port',
  dashboardPort: '--dashboard-port',
  databasePort: '--database-port',
  blobPort: '--blob-port',
} as const;

/** `npm start`: the whole system on this machine. */
export async function main(argv: readonly string[]): Promise<void> {
  const command = new Command('npm start --')
    .description('Builds Hubfront and runs it with an IoT Hub emulator and a demo shop, all on 127.0.0.1.')
    .option('--port <port>', 'the functions (0: any free port)', parsePort, 7071)
    .option('--hub-port <port>', "the emulator's HTTPS: identity registry and telemetry", parsePort, 8443)
    .option('--amqp-port <port>', "the emulator's Event Hub-compatible endpoint", parsePort, 5672)
    .option('--shop-port <port>', 'the demo shop, on another origin', parsePort, 3000)
    .option('--partitions <count>', `of the hub, 1 to ${MAX_PARTITIONS}`, parsePartitions, 4)
    .option('--dashboard-port <port>', 'the dashboard (default: 3001, or any free port)', parsePort)
    .option('--database-port <port>', 'the product database (default: 5433, or any free port)', parsePort)
    .option('--blob-port <port>', 'Blob storage, Azurite (default: 10000, or any free port)', parsePort)
    .option('--no-analytics', 'without the product database, Blob storage and the dashboard')
    .allowExcessArguments(false);
  await start(command.parse([...argv], { from: 'user' }).opts<Flags>());
}

async function start(flags: Flags): Promise<void> {
  const running: Running[] = [];
  stopOnSignal(running);
  const keep = <T extends Running>(part: T): T => {
    running.push(part);
    return part;
  };
  try {
    const [emulator, analyticsPorts] = await Promise.all([
      startEmulator({ ...flags, caFolder: '.hubfront', log: console.error }).then(keep),
      flags.analytics ? reserveAnalyticsPorts(flags) : undefined,
      buildApp(),
    ]);
    const shop = keep(await startShop({ port: flags.shopPort, keys: LOCAL_SHOP_KEYS }));
    const host = keep(
      await startFunctionsHost({
        appFolder: process.cwd(),
        port: flags.port,
        settings: (port) => settingsFor(emulator, port, shop.origins, analyticsPorts),
        functionKeys: LOCAL_FUNCTION_KEYS,
        pages: apiDocumentation(),
        links: linksTo(emulator, shop.origin, analyticsPorts),
        log: console.log,
      }),
    );
    shop.setApi(host.url);
    void host.gaveUp.then(async (reason) => {
      console.error(reason);
      await closeAll(running);
      process.exit(1);
    });
    printGuide(emulator, host.url, shop.origin);
    if (analyticsPorts)
      keep(
        startAnalytics({
          ports: analyticsPorts,
          databaseUrl: productSettings().PRODUCTS_DATABASE_URL,
          eventHubConnection: emulator.connectionStrings.eventHub('service'),
          functionsUrl: host.url,
          log: console.log,
        }),
      );
  } catch (error) {
    console.error(startError(error, (port) => flagOf(port, flags)));
    await closeAll(running);
    process.exit(1);
  }
}

/** The hub is always the emulator that was just started; all else can be set as for Core Tools. */
function settingsFor(
  emulator: Emulator,
  port: number,
  shopOrigins: readonly string[],
  analyticsPorts: AnalyticsPorts | undefined,
): Record<string, string> {
  const chosen = chosenSettings();
  const origins = (chosen.CORS_ALLOWED_ORIGINS ?? '').split(',').filter((origin) => origin.trim() !== '');
  return {
    ...chosen,
    IOTHUB_HOSTNAME: emulator.hostName,
    IOTHUB_SHAREDACCESSKEYNAME: 'iothubowner',
    IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
    IOTHUB_EVENTHUB_CONNECTION: emulator.connectionStrings.eventHub('service'),
    IOTHUB_ENDPOINT: emulator.endpoint,
    IOTHUB_CA_FILE: resolve(emulator.caFile),
    AF_HOST: `localhost:${port}`,
    KEEP_ALIVE_FUNCTION_KEY: LOCAL_HOST_KEY,
    CORS_ALLOWED_ORIGINS: [...new Set([...origins, ...shopOrigins])].join(','),
    ...(analyticsPorts && {
      PRODUCTS_DATABASE_URL: productSettings().PRODUCTS_DATABASE_URL ?? databaseUrl(analyticsPorts.database),
      PRODUCTS_STORAGE: storageConnection(analyticsPorts.blob),
    }),
  };
}

function chosenSettings(): Record<string, string> {
  const defaults = readSettingsFile(EXAMPLE_FILE) ?? {};
  return { ...defaults, ...readSettingsFile(SETTINGS_FILE), ...fromEnvironment(Object.keys(defaults)) };
}

/** A database of one's own takes the place of the local one. */
function productSettings(): { PRODUCTS_DATABASE_URL: string | undefined } {
  const { PRODUCTS_DATABASE_URL: url } = chosenSettings();
  return { PRODUCTS_DATABASE_URL: url === '' ? undefined : url };
}

function flagOf(port: number, flags: Flags): string {
  const name = (Object.keys(FLAG_NAMES) as (keyof typeof FLAG_NAMES)[]).find((flag) => flags[flag] === port);
  return FLAG_NAMES[name ?? 'port'];
}

function parsePartitions(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_PARTITIONS) {
    throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_PARTITIONS}.`);
  }
  return count;
}

/** What the page of the functions says about the rest. */
function linksTo(
  emulator: Emulator,
  shopOrigin: string,
  analyticsPorts: AnalyticsPorts | undefined,
): HomepageLink[] {
  return [
    { name: 'Demo shop', url: shopOrigin, description: 'sends its visitors’ events to the functions' },
    ...(analyticsPorts
      ? [
          {
            name: 'Dashboard',
            url: `http://localhost:${analyticsPorts.dashboard}`,
            description: 'shows the rows of the analytics job',
          },
        ]
      : []),
    { name: 'IoT Hub emulator', url: emulator.endpoint, description: 'the device registry and telemetry' },
    {
      name: 'Event Hub-compatible endpoint',
      url: `amqp://127.0.0.1:${emulator.amqpPort}`,
      description: 'where readers receive the messages',
    },
  ];
}

function printGuide(emulator: Emulator, url: string, shopOrigin: string): void {
  const key = (value: string): string => `-H 'x-functions-key: ${value}'`;
  const json = "-H 'content-type: application/json'";
  console.log(`
functions  ${url}/api    (keys: ${LOCAL_WEB_KEY} registers devices, ${LOCAL_WORKER_KEY} reads the feed, ${LOCAL_HOST_KEY} opens everything)
emulator   ${emulator.endpoint}  amqp://127.0.0.1:${emulator.amqpPort}  (CA: ${emulator.caFile})
demo shop  ${shopOrigin}

Try it from another terminal:
  curl -si ${url}/api/devices ${key(LOCAL_WEB_KEY)} ${json} -d '{"deviceId":"webClient101"}'
  curl -si ${url}/api/messages -H 'Origin: ${shopOrigin}' ${json} -d '{"deviceId":"webClient101","deviceKey":"<primaryKey from above>","deviceMessage":{"event":"browse_product","product_id":162}}'
  curl -s '${url}/api/message_feed?after_offset=0' ${key(LOCAL_WORKER_KEY)}

ready ${url}`);
}
