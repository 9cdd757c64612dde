/** The dev host: runs a built function app like Azure's Functions host. */

import { configuredHosts } from '../allowedHosts';
import type { FunctionKeys } from './functionKeys';
import type { HostPage } from './handleRequest';
import { type HomepageLink, homepageOf } from './homepage';
import { readHostJson } from './hostJson';
import { type ServedRequest, startHttpServer } from './httpServer';
import { bodyLimitOf, createBodyReader } from './requestBody';
import { type HttpRoute, createRoutes } from './routes';
import { type RunOnDemand, createRunOnDemand } from './onDemand';
import { type Timers, startTimers } from './timers';
import { startWorker } from './workerProcess';

export type { FunctionKeys } from './functionKeys';
export type { HostPage } from './handleRequest';
export type { HomepageLink } from './homepage';
export type { ServedRequest } from './httpServer';

export interface FunctionsHostOptions {
  /** the folder of `host.json` and of the `package.json` whose `main` is the built app */
  appFolder: string;
  /** 0: any free port */
  port: number;
  /** returns the app settings for the port that the host listens on */
  settings: (port: number) => Readonly<Record<string, string>>;
  functionKeys: FunctionKeys;
  /** links to other parts of the stack, for the page at `/` */
  links?: readonly HomepageLink[];
  /** additional pages, by path */
  pages?: Readonly<Record<string, HostPage>>;
  log: (line: string) => void;
  /** called when a request has ended */
  onServed?: (request: ServedRequest) => void;
}

export interface FunctionsHost {
  url: string;
  port: number;
  /** id of the app's process, which changes after a restart */
  workerPid: () => number | undefined;
  /** resolves with the reason when the worker has died too often to be restarted */
  gaveUp: Promise<string>;
  /** Stops the host. Running functions have the grace period to end; by default there is none. */
  close: (graceMs?: number) => Promise<void>;
}

/**
 * Runs a built function app like Azure's Functions host: routes, keys, bodies, timers, and restarts of the worker.
 * `docs/local-stack.md` lists the differences.
 *
 * @throws Node's listen error if the port is in use (`code`, `port`); an Error if `host.json` is not usable
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const { appFolder, functionKeys, log, links = [], pages = {} } = options;
  const { routePrefix } = readHostJson(appFolder);
  let timers: Timers | undefined;
  let runOnDemand: RunOnDemand = () => false;

  const server = await startHttpServer(options.port, {
    keys: functionKeys,
    allowedHosts: configuredHosts(),
    // Requests arrive in a later turn of the event loop, when the variables that they use are set.
    readBody: (request) => readBody(request),
    routes: () => routes,
    pages,
    homepage: (known) => homepageOf(url, known, [...documentation, ...links]),
    invoke: (functionId, data) => worker.invoke(functionId, data),
    runOnDemand: (name, input) => runOnDemand(name, input),
    log,
    ...(options.onServed && { onServed: options.onServed }),
  });
  const url = `http://localhost:${server.port}`;
  const documentation: HomepageLink[] =
    '/docs' in pages
      ? [{ name: 'HTTP API', url: `${url}/docs`, description: 'API documentation, with requests to try' }]
      : [];
  const settings = {
    WEBSITE_HOSTNAME: `localhost:${server.port}`,
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    ...options.settings(server.port),
  };
  const readBody = createBodyReader(bodyLimitOf(settings));
  const worker = startWorker({ appFolder, settings, log });
  const routes = loadApp().catch((error: unknown) => {
    log(`The app could not be loaded: ${(error as Error).message}`);
    return undefined;
  });
  await routes;

  async function loadApp(): Promise<readonly HttpRoute[]> {
    const functions = await worker.functions();
    const isDisabled = (name: string): boolean => isSwitchedOff(name, settings);
    const found = createRoutes(functions, routePrefix, isDisabled);
    timers = startTimers(functions, { settings, isDisabled, invoke: worker.invoke, log });
    runOnDemand = createRunOnDemand(functions, timers, worker.invoke, log);
    return found;
  }

  return {
    url,
    port: server.port,
    workerPid: worker.pid,
    gaveUp: worker.gaveUp,
    close: async (graceMs = 0) => {
      timers?.stop();
      await Promise.all([server.close(graceMs), worker.idle(graceMs)]);
      await worker.close();
    },
  };
}

/** The app setting that disables a function in Azure. */
function isSwitchedOff(name: string, settings: Readonly<Record<string, string>>): boolean {
  return /^(?:true|1)$/i.test(settings[`AzureWebJobs.${name}.Disabled`] ?? '');
}
