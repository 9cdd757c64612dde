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
 * between, the next start removes the enrollments, also if it has no seed, and begins again.
 *
 * @throws SeedError for an enrollment that the service rejects, named by its path. There are then no enrollments;
 * IotHubError ServiceUnavailable if the disk fails
 */
export function applyProvisioningSeed(service: Provisioning, journal: Journal, seed: Seed | undefined): void {
  const { individual, groups } = service;
  const state = journal.read(KIND).get('state');
  if (state === 'begun') {
    service.clear();
    // Not `forget`: if this failed without an error, a later start would delete what the service then has.
    journal.write([KEY]);
  }
  if (!seed?.provisioning || state === 'applied' || !isEmpty(individual, groups)) return;
  const { enrollments, enrollmentGroups } = seed.provisioning;
  const prefix = `${seed.name} is not valid: provisioning`;
  journal.write([KEY, 'begun']);
  try {
    for (const [index, input] of enrollments.entries())
      store(individual, input.registrationId, input, `${prefix}.enrollments[${index}]`);
    for (const [index, input] of enrollmentGroups.entries())
      store(groups, input.enrollmentGroupId, input, `${prefix}.enrollmentGroups[${index}]`);
  } catch (error) {
    service.clear();
    journal.forget(KEY);
    throw error;
  }
  journal.write([KEY, 'applied']);
}

function store(enrollments: Enrollments, id: string, input: object, prefix: string): void {
  try {
    enrollments.put(id, input, undefined);
  } catch (error) {
    const isInvalid =
      error instanceof ProvisioningError ||
      (error instanceof IotHubError && error.code !== 'ServiceUnavailable');
    if (!isInvalid) throw error;
    throw new SeedError(`${prefix}: ${error.message}`);
  }
}

const isEmpty = (...all: readonly Enrollments[]): boolean =>
  all.every((enrollments) => enrollments.all()[Symbol.iterator]().next().done === true);
