/** Checks the subscription before a deployment: services of the region, resource providers, deleted vaults. */

import { setTimeout as delay } from 'node:timers/promises';
import { type HookContext, optional, required } from './context';
import { VAULT_API } from './keyVault';
import { HookError, RestError } from './rest';

const RESOURCES_API = 'api-version=2021-04-01';
const WEB_API = 'api-version=2024-04-01';
/** How long to wait for a registration, which takes one or two minutes. */
const MAX_POLLS = 60;

/**
 * The provider to which a subnet for Flex Consumption is delegated. The deployment has no resource of this provider,
 * so Azure does not register it automatically.
 */
const SUBNET_PROVIDER = 'Microsoft.App';

/** The services that the region must offer, with the names of Azure Resource Manager. */
const REGIONAL = [
  { provider: 'Microsoft.Devices', type: 'IotHubs', what: 'IoT Hub' },
  { provider: 'Microsoft.StreamAnalytics', type: 'streamingjobs', what: 'Stream Analytics' },
];

interface Provider {
  registrationState: string;
  resourceTypes: { resourceType: string; locations: string[] }[];
}

/**
 * Checks before the deployment that the region offers all three services to this subscription.
 *
 * @throws {HookError} naming the missing services
 */
export async function checkRegion(context: HookContext): Promise<void> {
  const location = optional(context, 'AZURE_LOCATION');
  // Before the first `azd provision`, subscription and location may be unset: azd asks for them after this hook.
  if (location === undefined || optional(context, 'AZURE_SUBSCRIPTION_ID') === undefined) return;
  const lacking: string[] = [];
  for (const { provider, type, what } of REGIONAL) {
    const { resourceTypes } = (await context.rest(providerUrl(context, provider))) as Provider;
    const listed = resourceTypes.find(({ resourceType }) => sameName(resourceType, type));
    if (!listed?.locations.some((name) => sameName(name, location))) lacking.push(what);
  }
  const flex = (await context.rest(
    `${subscriptionUrl(context)}/providers/Microsoft.Web/geoRegions?sku=FlexConsumption&${WEB_API}`,
  )) as { value: { name: string }[] };
  if (!flex.value.some(({ name }) => sameName(name, location))) lacking.push('Functions Flex Consumption');
  if (lacking.length > 0) {
    throw new HookError(
      `${lacking.join(' and ')} cannot be deployed to ${location} with this subscription. Choose another region: azd env set AZURE_LOCATION <region>.`,
    );
  }
}

/**
 * Registers the provider that the deployment needs and that Azure does not register automatically.
 *
 * @throws {HookError} if this login may not register it, or if Azure takes too long
 */
export async function registerProviders(context: HookContext): Promise<void> {
  const { rest, log, whatIf, pollMs } = context;
  if (!isOn(context, 'PRIVATE_NETWORKING') && !isOn(context, 'NAT_GATEWAY')) return;
  const state = async (): Promise<string> =>
    ((await rest(providerUrl(context, SUBNET_PROVIDER))) as Provider).registrationState;
  if ((await state()) === 'Registered') return;
  const why = `A virtual network for the app needs the resource provider ${SUBNET_PROVIDER}`;
  try {
    await rest(`${subscriptionUrl(context)}/providers/${SUBNET_PROVIDER}/register?${RESOURCES_API}`, {
      method: 'POST',
      what: `register the resource provider ${SUBNET_PROVIDER}`,
    });
  } catch (error) {
    if (!(error instanceof RestError) || error.status !== 403) throw error;
    throw new HookError(
      `${why}, which this login may not register (${error.message}). Ask an owner of the subscription to run: az provider register --namespace ${SUBNET_PROVIDER}.`,
    );
  }
  if (whatIf) return;
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    if ((await state()) === 'Registered') {
      log(`Azure: resource provider ${SUBNET_PROVIDER} registered`);
      return;
    }
    await delay(pollMs);
  }
  throw new HookError(`${why}, which Azure is still registering: run azd provision again later.`);
}

interface DeletedVaults {
  value: { name: string; properties: { location: string; tags?: Record<string, string> } }[];
  nextLink?: string | null;
}

/**
 * The name of a deleted vault stays in use for days, so a deployment of the same environment would fail. The
 * deployment recovers the vault with its secrets instead.
 */
export async function findDeletedVault(context: HookContext): Promise<void> {
  const location = optional(context, 'AZURE_LOCATION');
  const environment = optional(context, 'AZURE_ENV_NAME');
  if (location === undefined || optional(context, 'AZURE_SUBSCRIPTION_ID') === undefined) return;
  const first = `${subscriptionUrl(context)}/providers/Microsoft.KeyVault/deletedVaults?${VAULT_API}`;
  let found: string | undefined;
  for (let next: string | null | undefined = first; next && found === undefined;) {
    const page = (await context.rest(next)) as DeletedVaults;
    found = page.value.find(
      ({ properties }) =>
        sameName(properties.location, location) && properties.tags?.['azd-env-name'] === environment,
    )?.name;
    next = page.nextLink;
  }
  const recover = String(found !== undefined);
  if (recover === (optional(context, 'RECOVER_KEY_VAULT') ?? 'false')) return;
  context.remember('RECOVER_KEY_VAULT', recover);
  if (found !== undefined)
    context.log(`Key Vault: ${found} was deleted and will be recovered with its secrets`);
}

function isOn(context: HookContext, name: string): boolean {
  return optional(context, name)?.toLowerCase() === 'true';
}

/** `West Europe` and `westeurope` are the same region. */
function sameName(one: string, other: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replaceAll(' ', '');
  return plain(one) === plain(other);
}

function subscriptionUrl(context: HookContext): string {
  return `${context.endpoints.arm}/subscriptions/${required(context, 'AZURE_SUBSCRIPTION_ID')}`;
}

function providerUrl(context: HookContext, provider: string): string {
  return `${subscriptionUrl(context)}/providers/${provider}?${RESOURCES_API}`;
}
