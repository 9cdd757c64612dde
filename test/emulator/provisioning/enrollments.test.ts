import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestHub } from '../hub';
import { newKey, serviceClient, startProvisioning } from './provisioningSdks';

let hub: TestHub;
let service: any;
beforeAll(async () => {
  ({ hub, service } = await startProvisioning());
});
afterAll(() => hub.close());

const symmetric = (symmetricKey?: object) => ({
  type: 'symmetricKey',
  ...(symmetricKey && { symmetricKey }),
});
/** The error code in the response to a rejected request. */
const errorCode = async (request: Promise<unknown>): Promise<number> => {
  const { responseBody, message }: any = await request.then(
    () => ({ message: '{}' }),
    (error: unknown) => error,
  );
  return JSON.parse(responseBody ?? message.replace(/^Error: /, '')).errorCode;
};
const rows = async (query: any): Promise<any[]> => {
  const pages: any[] = [];
  // Without its own token, the SDK's promise form would ask for the first page again.
  while (query.hasMoreResults) pages.push((await query.next(query.continuationToken)).responseBody);
  return pages;
};

test('individual enrollments: created with keys, read, changed by ETag, deleted', async () => {
  const { responseBody: created } = await service.createOrUpdateIndividualEnrollment({
    registrationId: 'fridge',
    attestation: symmetric(),
    iotHubs: [hub.emulator.hostName],
    allocationPolicy: 'static',
    initialTwin: { tags: { store: 7 } },
  });
  expect(Buffer.from(created.attestation.symmetricKey.primaryKey, 'base64')).toHaveLength(64);
  const { responseBody: read } = await service.getIndividualEnrollment('fridge');
  expect(read).toMatchObject({
    registrationId: 'fridge',
    attestation: { type: 'symmetricKey' },
    iotHubs: [hub.emulator.hostName],
    provisioningStatus: 'enabled',
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
    etag: created.etag,
  });
  expect(read.attestation).not.toHaveProperty('symmetricKey');
  const { responseBody: updated } = await service.createOrUpdateIndividualEnrollment({
    ...read,
    provisioningStatus: 'disabled',
  });
  expect(updated).toMatchObject({
    provisioningStatus: 'disabled',
    createdDateTimeUtc: created.createdDateTimeUtc,
  });
  const { responseBody: mechanism } = await service.getIndividualEnrollmentAttestationMechanism('fridge');
  expect(mechanism).toEqual(created.attestation);
  expect(await errorCode(service.createOrUpdateIndividualEnrollment(read))).toBe(412_000);
  const withoutEtag = { ...read, etag: undefined };
  expect(await errorCode(service.createOrUpdateIndividualEnrollment(withoutEtag))).toBe(409_000);
  expect(await errorCode(service.deleteIndividualEnrollment('fridge', read.etag))).toBe(412_000);
  await service.deleteIndividualEnrollment(updated);
  expect(await errorCode(service.getIndividualEnrollment('FRIDGE'))).toBe(404_201);
});

test('enrollment groups: created, listed in pages, deleted', async () => {
  for (const name of ['a', 'b', 'c']) {
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: `page-${name}`,
      attestation: symmetric({ primaryKey: newKey(), secondaryKey: newKey() }),
    });
  }
  const pages = await rows(service.createEnrollmentGroupQuery({ query: '*' }, 2));
  expect(pages.map((page) => page.map((row: any) => row.enrollmentGroupId))).toEqual([
    ['page-a', 'page-b'],
    ['page-c'],
  ]);
  for (const name of ['a', 'b', 'c']) await service.deleteEnrollmentGroup(`page-${name}`);
  expect(await rows(service.createEnrollmentGroupQuery({ query: 'SELECT * FROM enrollmentGroups' }))).toEqual(
    [[]],
  );
});

test('bulk operations succeed or fail for each enrollment', async () => {
  const enrollments = ['x', 'y'].map((registrationId) => ({ registrationId, attestation: symmetric() }));
  const bulk = (mode: string, items: object[]) =>
    new Promise<any>((resolve, reject) => {
      service.runBulkEnrollmentOperation(
        { mode, enrollments: items },
        (error: Error | null, result: object) => (error ? reject(error) : resolve(result)),
      );
    });
  expect(await bulk('create', enrollments)).toEqual({ isSuccessful: true, errors: [] });
  const again = await bulk('create', [...enrollments, { registrationId: 'z', attestation: symmetric() }]);
  expect(again).toMatchObject({
    isSuccessful: false,
    errors: [{ registrationId: 'x', errorCode: 409_000 }, {}],
  });
  expect(await bulk('delete', [...enrollments, { registrationId: 'z' }])).toMatchObject({
    isSuccessful: true,
  });
});

test.each([
  ['attestation with certificates', { attestation: { type: 'x509', x509: {} } }, 501_000],
  ['attestation with a TPM', { attestation: { type: 'tpm', tpm: { endorsementKey: 'a' } } }, 501_000],
  ['custom allocation', { allocationPolicy: 'custom' }, 501_000],
  ['a hub that is not linked', { iotHubs: ['other.azure-devices.net'] }, 400_000],
  ['static allocation without a hub', { allocationPolicy: 'static' }, 400_000],
  ['a key that is too short', { attestation: symmetric({ primaryKey: 'YQ==' }) }, 400_000],
  ['tags that a twin may not have', { initialTwin: { tags: { 'a.b': 1 } } }, 400_000],
  ['an unknown status', { provisioningStatus: 'paused' }, 400_000],
])('rejects %s', async (_name, change, code) => {
  const enrollment = { registrationId: 'bad', attestation: symmetric(), ...change };
  expect(await errorCode(service.createOrUpdateIndividualEnrollment(enrollment))).toBe(code);
});

test('rejects a wrong key of the policy', async () => {
  const { connectionString = '' } = hub.emulator.provisioning ?? {};
  const wrong = connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${newKey()}`);
  expect(await errorCode(serviceClient(hub.emulator, wrong).getIndividualEnrollment('any'))).toBe(401_002);
});
