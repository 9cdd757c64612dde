import { spawnSync } from 'node:child_process';
import { HookError, type Rest, createRest } from './rest';

/** URLs of the services. */
export interface Endpoints {
  arm: string;
  powerBi: string;
  fabric: string;
}

const AZURE: Endpoints = {
  arm: 'https://management.azure.com',
  powerBi: 'https://api.powerbi.com/v1.0/myorg',
  fabric: 'https://api.fabric.microsoft.com/v1',
};

/** The parameters of a hook. */
export interface HookContext {
  /** azd's environment: its values, and the outputs of the deployment */
  environment: Readonly<Record<string, string | undefined>>;
  endpoints: Endpoints;
  rest: Rest;
  log: (line: string) => void;
  whatIf: boolean;
  /** interval between checks of a long operation */
  pollMs: number;
  /** stores a value in azd's environment */
  remember: (name: string, value: string) => void;
}

/** A value of azd's environment. An empty value counts as absent. */
export function optional({ environment }: HookContext, name: string): string | undefined {
  return environment[name] === '' ? undefined : environment[name];
}

/** @throws {HookError} if azd has not set it */
export function required(context: HookContext, name: string): string {
  const value = optional(context, name);
  if (value === undefined)
    throw new HookError(`${name} is not set: run this hook through azd, or after azd provision.`);
  return value;
}

/** The URL of a resource of the deployment in Azure Resource Manager, without api-version. */
export function armUrl(context: HookContext, provider: string): string {
  const subscription = required(context, 'AZURE_SUBSCRIPTION_ID');
  const group = required(context, 'AZURE_RESOURCE_GROUP');
  return `${context.endpoints.arm}/subscriptions/${subscription}/resourceGroups/${group}/providers/${provider}`;
}

const POLL_MS = 5_000;
const RETRY_MS = 2_000;

/** Gets access tokens with the login of azd or of the Azure CLI. */
export function azdContext(whatIf: boolean, endpoints: Endpoints = AZURE): HookContext {
  const environment = process.env;
  const log = (line: string): void => console.log(line);
  const tokens = new Map<string, string>();
  const token = (url: string): Promise<string> => {
    const resource = resourceOf(url, endpoints, environment);
    const kept = resource === undefined ? '' : (tokens.get(resource) ?? login(resource));
    if (resource !== undefined) tokens.set(resource, kept);
    return Promise.resolve(kept);
  };
  return {
    environment,
    endpoints,
    rest: createRest({ token, whatIf, log, retryMs: RETRY_MS }),
    log,
    whatIf,
    pollMs: POLL_MS,
    remember: (name, value) => {
      if (whatIf) {
        log(`would keep ${name}=${value} in azd's environment`);
        return;
      }
      // The environment that azd runs for, which may differ from its default.
      const which = environment.AZURE_ENV_NAME ? ['--environment', environment.AZURE_ENV_NAME] : [];
      const { status } = spawnSync('azd', ['env', 'set', name, value, ...which], { stdio: 'inherit' });
      if (status !== 0) throw new HookError(`azd env set ${name} failed: run it manually with ${value}`);
    },
  };
}

/** The audience of a token; undefined for the function app, which has its own keys. */
function resourceOf(url: string, endpoints: Endpoints, environment: NodeJS.ProcessEnv): string | undefined {
  const products = environment.PRODUCTS_BLOB_ENDPOINT;
  if (url.startsWith(endpoints.arm)) return `${AZURE.arm}/`;
  if (url.startsWith(endpoints.powerBi)) return 'https://analysis.windows.net/powerbi/api';
  if (url.startsWith(endpoints.fabric)) return 'https://api.fabric.microsoft.com';
  if (products && url.startsWith(products)) return 'https://storage.azure.com';
  return undefined;
}

function login(resource: string): string {
  const scope = `${resource.replace(/\/$/, '')}/.default`;
  const azd = (): ReturnType<typeof spawnSync> =>
    spawnSync('azd', ['auth', 'token', '--scope', scope, '--output', 'json'], { encoding: 'utf8' });
  const az = (): ReturnType<typeof spawnSync> =>
    spawnSync('az', ['account', 'get-access-token', '--resource', resource, '--output', 'json'], {
      encoding: 'utf8',
      shell: process.platform === 'win32', // on Windows, az is a .cmd file
    });
  for (const ask of [azd, az]) {
    const { status, stdout } = ask();
    if (status !== 0) continue;
    const read = JSON.parse(String(stdout)) as { token?: string; accessToken?: string };
    const token = read.token ?? read.accessToken;
    if (token !== undefined) return token;
  }
  throw new HookError(`You are not logged in to ${resource}: run azd auth login, or az login.`);
}
