import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { stop as stopEsbuild } from 'esbuild';
import { startEmulator } from '../emulator/index';
import { configuredHosts } from './allowedHosts';
import { reserveAnalyticsPorts, startAnalytics } from './analyticsStack';
import { buildApp } from './build';
import { LOCAL_FUNCTION_KEYS, LOCAL_SHOP_KEYS, LOCAL_WEB_KEY } from './functionKeys';
import { startFunctionsHost } from './functionsHost';
import { type Running, closeAll, startError, stopOnSignal } from './lifecycle';
import { localSettings, productsDatabaseUrl } from './localSettings';
import { apiDocumentation } from './openApi/viewer';
import { databaseUrl } from './products';
import { DEFAULT_PORTS } from './defaultPorts';
import { isHubfrontRunning, portProblems, usualPort } from './reservePorts';
import { logRequests } from './requestLines';
import { startSensors } from './sensors';
import { startShop } from './shop';
import { type StartFlags, parseStartFlags, wantedPorts } from './startFlags';
import { homepageLinks, printGuide, printReady, printSensors } from './startGuide';
import { step } from './terminal';

/** Minimum free space in the temporary folder, where the database, Blob storage and the job keep their files. */
const MIN_TEMPORARY_BYTES = 32 * 1024 * 1024;

/** `npm start`: runs the whole system on this machine. */
export async function main(argv: readonly string[]): Promise<void> {
  const flags = parseStartFlags(argv);
  const running: Running[] = [];
  stopOnSignal(running);
  try {
    const problems = await portProblems(wantedPorts(flags));
    if (problems.length > 0) await failOfPorts(flags, problems);
    if (flags.analytics) await requireTemporarySpace();
    await start(flags, running);
  } catch (error) {
    await closeAll(running);
    // Another start may have reserved the ports since they were checked.
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const problems = isTaken ? await portProblems(wantedPorts(flags)) : [];
    if (problems.length > 0) await failOfPorts(flags, problems);
    console.error(startError(error));
    process.exit(1);
  }
}

async function start(flags: StartFlags, running: Running[]): Promise<void> {
  const keep = <T extends Running>(part: T): T => {
    running.push(part);
    return part;
  };
  await step('Building the functions', buildApp);
  const { data: dataFolder, ...emulatorFlags } = flags;
  const mqttPort = flags.mqttPort ?? (await usualPort(DEFAULT_PORTS.mqtt));
  const emulator = keep(
    await step('Starting the IoT Hub emulator', () =>
      startEmulator({
        ...emulatorFlags,
        ...(dataFolder !== undefined && { dataFolder }),
        mqttPort,
        caFolder: '.hubfront',
        allowedHosts: configuredHosts(),
        log: console.error,
      }),
    ),
  );
  const shop = keep(
    await step('Building the pages of the shop', () =>
      startShop({ port: flags.shopPort, keys: LOCAL_SHOP_KEYS }),
    ),
  );
  await stopEsbuild(); // stops esbuild's process, which would otherwise run as long as this one
  const ports = flags.analytics ? await reserveAnalyticsPorts(flags) : undefined;
  const host = keep(
    await step('Starting the functions', () =>
      startFunctionsHost({
        appFolder: process.cwd(),
        port: flags.port,
        settings: (port) =>
          localSettings({ emulator, port, origins: [...shop.origins, ...flags.origin], analytics: ports }),
        functionKeys: LOCAL_FUNCTION_KEYS,
        pages: apiDocumentation(),
        links: homepageLinks(emulator, shop.origin, ports, productsDatabaseUrl() !== undefined),
        log: console.log,
        ...(flags.verbose && { onServed: logRequests(console.log) }),
      }),
    ),
  );
  shop.setApi(host.url);
  void host.gaveUp.then(async (reason) => {
    console.error(reason);
    await closeAll(running);
    process.exit(1);
  });
  const ownDatabase = productsDatabaseUrl();
  printGuide({
    emulator,
    url: host.url,
    shopOrigin: shop.origin,
    ports,
    hasOwnDatabase: ownDatabase !== undefined,
  });
  const sensors = flags.sensors
    ? keep(
        startSensors(
          {
            SENSORS_FUNCTIONS_URL: host.url,
            SENSORS_FUNCTION_KEY: LOCAL_WEB_KEY,
            SENSORS_MQTT_PORT: String(emulator.mqttPort),
            SENSORS_CA_FILE: emulator.caFile,
          },
          console.log,
        ),
      )
    : undefined;
  void sensors?.ready.then(printSensors, (error: unknown) => console.error(startError(error)));
  if (!ports) return;
  shop.setAnalytics({
    databaseUrl: ownDatabase ?? databaseUrl(ports.database.port),
    dashboardUrl: `http://localhost:${ports.dashboard.port}`,
  });
  const analytics = keep(
    startAnalytics({
      ports,
      databaseUrl: ownDatabase,
      eventHubConnection: emulator.connectionStrings.eventHub('service'),
      functionsUrl: host.url,
      shopUrl: shop.origin,
      onReady: printReady,
      log: console.log,
    }),
  );
  await analytics.started;
}

/** @throws Error with the code `ENOSPC`. Otherwise each part would fail with a different message. */
async function requireTemporarySpace(): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize < MIN_TEMPORARY_BYTES)
    throw Object.assign(new Error('No space left on device'), { code: 'ENOSPC' });
}

async function failOfPorts(flags: StartFlags, problems: readonly string[]): Promise<never> {
  for (const problem of problems) console.error(problem);
  if (await isHubfrontRunning({ functions: flags.port, hub: flags.hubPort }))
    console.error('Another Hubfront seems to be running: stop it, or choose other ports (0: any free port)');
  return process.exit(1);
}
