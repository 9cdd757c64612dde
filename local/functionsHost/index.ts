import type { FunctionKeys } from './functionKeys';
import { readHostJson } from './hostJson';
import { startHttpServer } from './httpServer';
import { type HttpRoute, createRoutes } from './routes';
import { type Timers, startTimers } from './timers';
import { startWorker } from './workerProcess';

export type { FunctionKeys } from './functionKeys';

export interface FunctionsHostOptions {
  /** the folder of `host.json` and of the `package.json` whose `main` is the built app */
  appFolder: string;
  /** 0: any free port */
  port: number;
  /** app settings, given the port that the host listens on */
  settings: (port: number) => Readonly<Record<string, string>>;
  functionKeys: FunctionKeys;
  log: (line: string) => void;
}

export interface FunctionsHost {
  url: string;
  port: number;
  /** the app's process, which changes when it is restarted */
  workerPid: () => number | undefined;
  /** settles with the reason when the worker has died too often to be restarted */
  gaveUp: Promise<string>;
  close: () => Promise<void>;
}

/**
 * Runs a built function app as Azure's Functions host does where it matters: routes, keys, bodies, timers, and the
 * deaths of its worker.
 *
 * @throws Node's listen error when the port is taken (`code`, `port`); an Error when `host.json` cannot be used
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const { appFolder, functionKeys, log } = options;
  const { routePrefix } = readHostJson(appFolder);
  let routes: readonly HttpRoute[] | undefined;
  let timers: Timers | undefined;

  const server = await startHttpServer({
    port: options.port,
    keys: functionKeys,
    routes: () => routes,
    // Nothing is routed before the app has been loaded, and so nothing runs before there is a worker.
    invoke: (functionId, data) => worker.invoke(functionId, data),
    runOnDemand: (name) => timers?.run(name) ?? false,
    log,
  });
  const settings = {
    WEBSITE_HOSTNAME: `localhost:${server.port}`,
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    ...options.settings(server.port),
  };
  const worker = startWorker({ appFolder, settings, log });
  try {
    const functions = (await worker.functions()).filter(({ name }) => !isDisabled(name, settings));
    routes = createRoutes(functions, routePrefix);
    timers = startTimers(functions, settings, worker.invoke, log);
  } catch (error) {
    log(`The app could not be loaded: ${(error as Error).message}`);
  }

  return {
    url: `http://localhost:${server.port}`,
    port: server.port,
    workerPid: worker.pid,
    gaveUp: worker.gaveUp,
    close: async () => {
      timers?.stop();
      await Promise.all([server.close(), worker.close()]);
    },
  };
}

/** The app setting by which Azure switches one function off. */
function isDisabled(name: string, settings: Readonly<Record<string, string>>): boolean {
  return /^(?:true|1)$/i.test(settings[`AzureWebJobs.${name}.Disabled`] ?? '');
}
