import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceClient, emulatorAgent, Message } from '../../azureSdks';
import type { TestHub } from '../hub';
import { newKey, register, startProvisioning, TRANSPORTS } from './provisioningSdks';

let hub: TestHub;
let service: any;
beforeAll(async () => {
  ({ hub, service } = await startProvisioning());
});
afterAll(() => hub.close());

const keys = () => ({ primaryKey: newKey(), secondaryKey: newKey() });
const derivedKey = (key: string, registrationId: string) =>
  createHmac('sha256', Buffer.from(key, 'base64')).update(registrationId).digest('base64');
const attestation = (symmetricKey: object) => ({ type: 'symmetricKey', symmetricKey });

const twinOf = async (deviceId: string) => (await hub.call('GET', `/twins/${deviceId}`)).json;

/** Sends telemetry with the device's key to the hub that was assigned. */
async function sendTelemetry(assignedHub: string, deviceId: string, key: string): Promise<void> {
  const emulated = hub.emulator.hubs.find(({ hostName }) => hostName === assignedHub);
  if (!emulated) throw new Error(`there is no hub ${assignedHub}`);
  const address = { ...emulated, hubPort: hub.emulator.hubPort, ca: hub.emulator.ca };
  const agent = emulatorAgent(hub.emulator);
  const client = deviceClient(address, agent, deviceId, key);
  await client.open();
  await client.sendEvent(new Message(JSON.stringify({ from: deviceId })));
  await client.close();
  agent.destroy();
  const stored = emulated.admin.latestMessages({ limit: 100 });
  expect(stored.filter((message) => message.deviceId === deviceId)).toMatchObject([
    { body: JSON.stringify({ from: deviceId }) },
  ]);
}

describe.concurrent.each(TRANSPORTS)('azure-iot-provisioning-device over %s', (name) => {
  test.concurrent('registers an individual enrollment; the device sends telemetry to its hub', async () => {
    const { emulator } = hub;
    const own = keys();
    await service.createOrUpdateIndividualEnrollment({
      registrationId: `one-${name}`,
      deviceId: `device-${name}`,
      attestation: attestation(own),
      iotHubHostName: emulator.hostName,
      initialTwin: { tags: { store: 7 }, properties: { desired: { interval: 30 } } },
    });
    const state = await register(emulator, name, `one-${name}`, own.secondaryKey, { payload: { a: 1 } });
    expect(state).toMatchObject({
      registrationId: `one-${name}`,
      assignedHub: emulator.hostName,
      deviceId: `device-${name}`,
      status: 'assigned',
      substatus: 'initialAssignment',
    });
    expect(await twinOf(`device-${name}`)).toMatchObject({
      tags: { store: 7 },
      properties: { desired: { interval: 30 } },
    });
    await sendTelemetry(state.assignedHub, state.deviceId, own.primaryKey);
  });

  test.concurrent('registers a device of a group with its derived key', async () => {
    const { emulator } = hub;
    const group = keys();
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: `group-${name}`,
      attestation: attestation(group),
    });
    const key = derivedKey(group.primaryKey, `member-${name}`);
    const state = await register(emulator, name, `member-${name}`, key);
    expect(state).toMatchObject({
      deviceId: `member-${name}`,
      status: 'assigned',
      symmetricKey: { enrollmentGroupId: `group-${name}` },
    });
    expect(emulator.hubs.map(({ hostName }) => hostName)).toContain(state.assignedHub);
    await sendTelemetry(state.assignedHub, state.deviceId, key);
  });

  test.concurrent('rejects a wrong key, an unknown registration and another id scope', async () => {
    await service.createOrUpdateIndividualEnrollment({
      registrationId: `wrong-${name}`,
      attestation: attestation(keys()),
    });
    for (const registrationId of [`wrong-${name}`, 'unknown']) {
      const error: any = await register(hub.emulator, name, registrationId, newKey()).catch(
        (reason: unknown) => reason,
      );
      // Over AMQP, the SDK returns the error of its AMQP library.
      expect(error.name ?? error.condition).toMatch(/UnauthorizedError|amqp:unauthorized-access/);
    }
    const foreign = await register(hub.emulator, name, `wrong-${name}`, newKey(), {
      idScope: '0ne00FFFFFF',
    }).catch((reason: unknown) => reason);
    const { message, description, result } = foreign;
    expect(JSON.stringify({ message, description, result })).toMatch(/404201|Not found/);
  });

  test.concurrent('does not assign a device whose enrollment is disabled', async () => {
    const own = keys();
    await service.createOrUpdateIndividualEnrollment({
      registrationId: `off-${name}`,
      attestation: attestation(own),
      provisioningStatus: 'disabled',
    });
    await expect(register(hub.emulator, name, `off-${name}`, own.primaryKey)).rejects.toThrow(
      'status is disabled',
    );
    expect((await hub.call('GET', `/devices/off-${name}`)).status).toBe(404);
  });
});
