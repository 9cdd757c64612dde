import { createHmac } from 'node:crypto';
import { CONSUMER_GROUPS, HUB_HOST_NAME, POLICIES, type Policies, type Policy } from './wellKnown';

/** The names and keys of a hub, and the consumer groups of its built-in endpoint. */
export interface HubIdentity {
  /** `hubfront.azure-devices.localhost` */
  readonly hostName: string;
  /** The hub's name, which is also the Event Hub-compatible name of its built-in endpoint. */
  readonly name: string;
  readonly consumerGroups: readonly string[];
  readonly policies: Policies;
}

const DEFAULT_GROUP = '$Default';
const LOCAL_DOMAIN = 'azure-devices.localhost';
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Event Hubs: letters, digits, periods, hyphens and underscores, at most 50 (event-hubs-quotas). */
const CONSUMER_GROUP = /^[a-z0-9](?:[a-z0-9._-]{0,48}[a-z0-9])?$/i;
/** event-hubs-quotas: consumer groups per event hub in the standard tier. The limit for an IoT hub is the same. */
const MAX_CONSUMER_GROUPS = 20;

/**
 * Creates the identity of a hub.
 *
 * @param hub its name, such as `shop` for `shop.azure-devices.localhost`, or a full host name. Default: the well-known
 * hub
 * @param groups consumer groups in addition to `$Default`. Default: the well-known groups
 * @throws RangeError that names the invalid value
 */
export function hubIdentity(hub?: string, groups?: readonly string[]): HubIdentity {
  const text = (hub ?? HUB_HOST_NAME).toLowerCase();
  const hostName = text.includes('.') ? text : `${text}.${LOCAL_DOMAIN}`;
  const labels = hostName.split('.');
  if (!labels.every((label) => LABEL.test(label))) {
    throw new RangeError(`'${hub ?? ''}' is neither a hub name (letters, digits, hyphens) nor a host name`);
  }
  const consumerGroups = [DEFAULT_GROUP, ...(groups ?? CONSUMER_GROUPS).filter((name) => !isDefault(name))];
  const wrong = consumerGroups.slice(1).find((name) => !CONSUMER_GROUP.test(name));
  if (wrong !== undefined) {
    throw new RangeError(
      `'${wrong}' is not a consumer group: letters, digits, '.', '-' and '_', at most 50 characters`,
    );
  }
  if (consumerGroups.length > MAX_CONSUMER_GROUPS) {
    throw new RangeError(`a hub has at most ${MAX_CONSUMER_GROUPS} consumer groups, including $Default`);
  }
  return { hostName, name: labels[0] ?? '', consumerGroups, policies: POLICIES };
}

/** A hub with options of its own. */
export interface HubSpec {
  /** A hub name such as `shop`, or a host name. */
  readonly name: string;
  /** Default: those of the emulator. */
  readonly consumerGroups?: readonly string[];
}

/**
 * The identities of an emulator's hubs. The first has the published keys. Each other hub has keys of its own.
 *
 * @throws RangeError as `hubIdentity`, and for two hubs of one name
 */
export function hubIdentities(
  hubs: readonly (string | HubSpec)[],
  groups?: readonly string[],
): [HubIdentity, ...HubIdentity[]] {
  const specs = hubs.map((hub) => (typeof hub === 'string' ? { name: hub } : hub));
  const [first, ...others] = specs.map(({ name, consumerGroups = groups }) =>
    hubIdentity(name, consumerGroups),
  );
  const identities = [
    first ?? hubIdentity(undefined, groups),
    ...others.map((identity) => ({ ...identity, policies: ownPolicies(identity.hostName) })),
  ] as const;
  const names = new Set<string>();
  for (const { name } of identities) {
    if (names.has(name))
      throw new RangeError(`two hubs have the name '${name}', so their event hubs would have the same name`);
    names.add(name);
  }
  return [...identities];
}

/** Keys that depend on the hub's name only, so that they stay the same after a restart. */
const ownPolicies = (hostName: string): Policies =>
  Object.fromEntries(
    Object.entries<Policy>(POLICIES).map(([name, policy]) => [
      name,
      { ...policy, key: createHmac('sha256', policy.key).update(hostName).digest('base64') },
    ]),
  ) as unknown as Policies;

/** Whether a host name has the form of an emulated hub's. */
export const isHubName = (hostName: string): boolean => hostName.endsWith(`.${LOCAL_DOMAIN}`);

const isDefault = (name: string) => name.toLowerCase() === DEFAULT_GROUP.toLowerCase();
