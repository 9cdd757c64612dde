/** Opens the emulated Device Provisioning Service. */

import { NO_JOURNAL, openJournalFolder } from './dataFolder';
import type { EmulatedProvisioning, EmulatorOptions } from './emulatorOptions';
import type { Hub } from './hub';
import type { HubIdentity } from './hubIdentity';
import type { Log } from './log';
import { createProvisioning, type Provisioning } from './provisioning';
import { applyProvisioningSeed, SeedError, type Seed } from './seedFile';
import { PROVISIONING } from './wellKnown';

export interface OpenProvisioning {
  readonly service: Provisioning;
  readonly emulated: EmulatedProvisioning;
  /** Releases the data folder. */
  close(): void;
}

/** The names of the service, if it is on. @throws RangeError if a hub has one of them */
export function provisioningHosts(
  { provisioning }: EmulatorOptions,
  identities: readonly HubIdentity[],
): readonly string[] {
  if (provisioning !== true) return [];
  const names: readonly string[] = [PROVISIONING.globalHostName, PROVISIONING.hostName];
  const taken = identities.find(({ hostName }) => names.includes(hostName));
  if (taken) {
    throw new RangeError(`no hub can have the name of the Device Provisioning Service, '${taken.hostName}'`);
  }
  return names;
}

/** Undefined without the option. @throws SeedError, DataFolderError */
export function openProvisioning({
  hubs,
  options,
  seed,
  log,
  isOwnHost,
}: {
  readonly hubs: readonly Hub[];
  readonly options: EmulatorOptions;
  readonly seed: Seed | undefined;
  readonly log: Log;
  readonly isOwnHost: (hostName: string) => boolean;
}): OpenProvisioning | undefined {
  if (options.provisioning !== true) {
    if (seed?.provisioning) throw new SeedError(`${seed.name} has enrollments: add --provisioning`);
    return undefined;
  }
  const { idScope, globalHostName, hostName, policy, key } = PROVISIONING;
  const storage =
    options.dataFolder === undefined
      ? undefined
      : openJournalFolder({ folder: options.dataFolder, hostName, log });
  try {
    const journal = storage?.journal ?? NO_JOURNAL;
    const service = createProvisioning({ hubs, journal, isOwnHost, log });
    applyProvisioningSeed(service, journal, seed);
    const connectionString = `HostName=${hostName};SharedAccessKeyName=${policy};SharedAccessKey=${key}`;
    return {
      service,
      emulated: { idScope, globalHostName, hostName, connectionString },
      close: () => storage?.close(),
    };
  } catch (error) {
    storage?.close();
    throw error;
  }
}
