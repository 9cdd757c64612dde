/** Registrations whose changes the disk refuses, and enrollments with many of them. */

import { expect, test } from 'vitest';
import { NO_JOURNAL, type Change, type HubStorage, type Journal } from '../../../emulator/dataFolder';
import { createHub, type Hub } from '../../../emulator/hub';
import { hubIdentities } from '../../../emulator/hubIdentity';
import { IotHubError } from '../../../emulator/iotHubError';
import { createLog } from '../../../emulator/log';
import { makeEnrollment } from '../../../emulator/provisioning/enrollment';
import { createEnrollments } from '../../../emulator/provisioning/enrollments';
import { createRegistrations, type Registrations } from '../../../emulator/provisioning/registrations';

const keys = {
  primaryKey: Buffer.alloc(32, 1).toString('base64'),
  secondaryKey: Buffer.alloc(32, 2).toString('base64'),
};
const attestation = { type: 'symmetricKey', symmetricKey: keys };

/** A journal in memory whose writes of some keys fail. */
const createJournal = (refuses: (key: string) => boolean): Journal => ({
  ...NO_JOURNAL,
  write(...changes: readonly Change[]) {
    if (changes.some(([key]) => refuses(key)))
      throw new IotHubError('ServiceUnavailable', 'The disk is full.');
  },
});

interface Parts {
  readonly hubs: readonly [Hub, Hub];
  readonly registrations: Registrations;
  /** Registers `d`, for one of the hubs. */
  register(hub: Hub, options?: object): void;
  /** Lets the writes of keys with this beginning fail, in a hub or in the service. */
  failure: { where: string; key: string } | undefined;
}

function createParts(): Parts {
  const journal = (where: string) =>
    createJournal((key) => parts.failure?.where === where && key.startsWith(parts.failure.key));
  const [first, second] = hubIdentities(['first', 'second']).map((identity) =>
    createHub({
      ...{ identity, partitions: 1, tier: 'none', blobStorage: undefined },
      isOwnHost: () => true,
      log: createLog('error', () => undefined),
      storage: { ...({} as HubStorage), partitions: [], createdAt: 0, journal: journal(identity.name) },
    }),
  ) as [Hub, Hub];
  const hubs = [first, second] as const;
  const registrations = createRegistrations(hubs, journal('service'));
  const parts: Parts = {
    hubs,
    registrations,
    register({ identity }, options = {}) {
      const body = { registrationId: 'd', attestation, iotHubHostName: identity.hostName, ...options };
      const names = hubs.map((hub) => hub.identity.hostName);
      const enrollment = makeEnrollment('enrollment', body, names, { previous: undefined, sequence: 1 });
      registrations.register({ registrationId: 'd', enrollment, keys });
    },
    failure: undefined,
  };
  return parts;
}

const FAILURES = [
  ['second', 'device/'],
  ['second', 'twin/'],
  ['first', 'device/'],
  ['service', 'registration/'],
] as const;

test.each(FAILURES)('a move that fails keeps the twin (%s, %s)', (where, key) => {
  const parts = createParts();
  const [first, second] = parts.hubs;
  parts.register(first, { initialTwin: { tags: { floor: 1 } } });
  first.twins.replace('d', { tags: { floor: 2 }, desired: { a: 1 } }, '*');
  first.twins.report('d', { battery: 90 }, undefined);
  parts.failure = { where, key };
  expect(() => parts.register(second)).toThrow('The disk is full.');
  parts.failure = undefined;
  parts.register(second);
  expect(first.registry.count().total).toBe(0);
  expect(second.twins.get('d')).toMatchObject({
    tags: { floor: 2 },
    desired: { values: { a: 1 } },
    reported: { values: { battery: 90 } },
  });
});

test.each(FAILURES.slice(0, 2))(
  'a first assignment that fails gets the initial twin later (%s, %s)',
  (_, key) => {
    const parts = createParts();
    const [, second] = parts.hubs;
    const options = { initialTwin: { tags: { floor: 1 }, properties: { desired: { a: 1 } } } };
    parts.failure = { where: 'second', key };
    expect(() => parts.register(second, options)).toThrow('The disk is full.');
    parts.failure = undefined;
    parts.register(second, options);
    expect(second.twins.get('d')).toMatchObject({ tags: { floor: 1 }, desired: { values: { a: 1 } } });
  },
);

test('a move that ended with the process continues, without a change of what the device has since reported', () => {
  const parts = createParts();
  const [first, second] = parts.hubs;
  parts.register(first);
  first.twins.report('d', { battery: 90 }, undefined);
  second.registry.create('d', {});
  second.twins.replace('d', { tags: { floor: 3 } }, '*');
  parts.register(second);
  expect(second.twins.get('d')).toMatchObject({ tags: { floor: 3 }, reported: { values: { battery: 90 } } });
});

test.each([true, false])(
  'a disabled device stays disabled when it moves (with its data: %s)',
  (migrateDeviceData) => {
    const parts = createParts();
    const [first, second] = parts.hubs;
    parts.register(first);
    first.registry.update(
      'd',
      { ...first.registry.get('d'), status: 'disabled', statusReason: 'lost' } as never,
      '*',
    );
    parts.register(second, { reprovisionPolicy: { migrateDeviceData } });
    expect(second.registry.get('d')).toMatchObject({ status: 'disabled', statusReason: 'lost' });
  },
);

test('removes a group with 200,000 registrations, and nothing of the group if the disk refuses it', () => {
  const kept = new Map(
    Array.from({ length: 200_000 }, (_, index) => {
      const registrationId = `d${index}`;
      const enrollment = { kind: 'enrollmentGroup', id: 'large' };
      return [registrationId, { registrationId, enrollment, sequence: index + 1 }] as const;
    }),
  );
  let isFull = true;
  const journal: Journal = {
    ...createJournal((key) => isFull && key.startsWith('registration/')),
    read: (kind) => (kind === 'registration' ? kept : new Map()),
  };
  const registrations = createRegistrations([], journal);
  const groups = createEnrollments({
    ...{ kind: 'enrollmentGroup', max: 1, linkedHubs: ['a'], journal },
    onRemove: registrations.removeOf,
  });
  groups.put('large', { enrollmentGroupId: 'large', attestation }, undefined);
  expect(() => groups.remove('large', '*')).toThrow('The disk is full.');
  expect(groups.find('large')).toBeDefined();
  isFull = false;
  groups.remove('large', '*');
  expect(groups.find('large')).toBeUndefined();
  expect([...registrations.ofGroup('large')]).toEqual([]);
});
