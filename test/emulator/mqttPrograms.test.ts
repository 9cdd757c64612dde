import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../clients/programs';
import { sasToken, startHub, VERSION, type TestHub } from './hub';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const mosquitto = findProgram('mosquitto_pub', 'mosquitto-clients');
const paho = findProgram(PYTHON, 'python3-paho-mqtt', ['-c', 'import paho.mqtt.client']);

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

const lastMessage = () => hub.emulator.admin.messages({ limit: 100 }).at(-1);

describe.runIf(mosquitto)('mosquitto_pub of Debian', () => {
  const publish = (deviceId: string, password: string) =>
    run('mosquitto_pub', [
      ...['-h', 'localhost', '-p', String(hub.emulator.mqttPort), '--cafile', hub.emulator.caFile],
      ...['-V', 'mqttv311', '-i', deviceId, '-u', `${hub.emulator.hostName}/${deviceId}/?${VERSION}`],
      ...['-P', password, '-q', '1', '-t', `devices/${deviceId}/messages/events/store=7`, '-m', '{"t":4}'],
    ]);

  test('sends with a SAS token, and is refused with another', async () => {
    const token = sasToken(`${hub.emulator.hostName}/devices/fridge`, await hub.register('fridge'));
    await publish('fridge', token);
    expect(lastMessage()).toMatchObject({ deviceId: 'fridge', body: '{"t":4}', properties: { store: '7' } });
    await expect(publish('fridge', `${token}0`)).rejects.toThrow(/not authori[sz]ed/i);
  });
});

describe.runIf(paho)("Microsoft's example for Paho in Python", () => {
  test.each(['tcp', 'websockets'])('sends over %s', async (transport) => {
    const deviceId = `paho-${transport}`;
    const { stdout } = await run(PYTHON, [
      'test/oracles/python/paho_client.py',
      JSON.stringify({
        deviceId,
        transport,
        hub: hub.emulator.hostName,
        token: sasToken(`${hub.emulator.hostName}/devices/${deviceId}`, await hub.register(deviceId)),
        ca: hub.emulator.caFile,
        port: transport === 'tcp' ? hub.emulator.mqttPort : hub.emulator.hubPort,
      }),
    ]);
    expect(JSON.parse(stdout)).toEqual({ connected: 0, acknowledged: [1] });
    expect(lastMessage()).toMatchObject({ deviceId, body: '{"id":123}' });
  });
});
