/** Fills a new Device Provisioning Service with the enrollments of a seed. */

import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';
import { ProvisioningError, type Enrollments, type Provisioning } from '../provisioning';
import { SeedError } from './readSeed';
import type { Seed } from './seedSchema';

/** The journal's record of the seed: `begun` until each enrollment is stored. */
const KIND = 'seed';
const KEY = `${KIND}/state`;

/**
 * Stores the enrollments of a seed, unless there are any, or were any in the data folder. If the process ends in
 * between, the next start continues.
 *
 * @throws SeedError for an enrollment that the service rejects, named by its path. There are then no enrollments
 */
export function applyProvisioningSeed(
  { individual, groups }: Provisioning,
  journal: Journal,
  seed: Seed['provisioning'],
): void {
  const state = journal.read(KIND).get('state');
  if (!seed || state === 'applied' || (state === undefined && !isEmpty(individual, groups))) return;
  journal.write([KEY, 'begun']);
  const undo: (() => void)[] = [];
  const store = (enrollments: Enrollments, id: string, input: object, path: string): void => {
    try {
      const isStored = state === 'begun' && enrollments.find(id) !== undefined;
      enrollments.put(id, input, isStored ? '*' : undefined);
      undo.push(() => enrollments.remove(id, '*'));
    } catch (error) {
      for (const step of undo) step();
      journal.forget(KEY);
      if (!(error instanceof ProvisioningError) && !(error instanceof IotHubError)) throw error;
      throw new SeedError(`the seed is not valid: provisioning.${path}: ${error.message}`);
    }
  };
  for (const [index, input] of seed.enrollments.entries())
    store(individual, input.registrationId, input, `enrollments[${index}]`);
  for (const [index, input] of seed.enrollmentGroups.entries())
    store(groups, input.enrollmentGroupId, input, `enrollmentGroups[${index}]`);
  journal.write([KEY, 'applied']);
}

const isEmpty = (...all: readonly Enrollments[]): boolean =>
  all.every((enrollments) => enrollments.all()[Symbol.iterator]().next().done === true);
