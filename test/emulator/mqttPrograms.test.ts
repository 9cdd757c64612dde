import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../clients/programs';
import { openService } from './amqpService';
import { sasToken, startHub, VERSION, type TestHub } from './hub';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const mosquitto = findProgram('mosquitto_pub', 'mosquitto-clients');
const curl = findProgram('curl', 'curl');
const paho = findProgram(PYTHON, 'python3-paho-mqtt', ['-c', 'import paho.mqtt.client']);

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub({ amqpsPort: 0 });
});
afterAll(() => hub.close());

const lastMessage = () => hub.emulator.admin.messages({ limit: 100 }).at(-1);

describe.runIf(mosquitto)('mosquitto_pub of Debian', () => {
  const login = (deviceId: string, password: string) => [
    ...['-h', 'localhost', '-p', String(hub.emulator.mqttPort), '--cafile', hub.emulator.caFile],
    ...['-V', 'mqttv311', '-i', deviceId, '-u', `${hub.emulator.hostName}/${deviceId}/?${VERSION}`],
    ...['-P', password, '-q', '1'],
  ];
  const publish = (deviceId: string, password: string) =>
    run('mosquitto_pub', [
      ...login(deviceId, password),
      ...['-t', `devices/${deviceId}/messages/events/store=7`, '-m', '{"t":4}'],
    ]);

  test('sends with a SAS token, and is refused with another', async () => {
    const token = sasToken(`${hub.emulator.hostName}/devices/fridge`, await hub.register('fridge'));
    await publish('fridge', token);
    expect(lastMessage()).toMatchObject({ deviceId: 'fridge', body: '{"t":4}', properties: { store: '7' } });
    await expect(publish('fridge', `${token}0`)).rejects.toThrow(/not authori[sz]ed/i);
  });

  test.runIf(curl)('sends with the commands of the page, and curl as well', async () => {
    const [, section = ''] = (await readFile('docs/emulator.md', 'utf8')).split(
      '## Connect a device over MQTT',
    );
    const [token = '', send = ''] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
    const script = `set -e\n${token}${send}`
      .replaceAll('fridge', 'oven')
      .replace('dGhlIGtleSBvZiB0aGUgZnJpZGdl', await hub.register('oven'))
      .replace('-p 8883', `-p ${hub.emulator.mqttPort}`)
      .replace('localhost:8443', `localhost:${hub.emulator.hubPort}`)
      .replaceAll('.hubfront/ca.pem', `'${hub.emulator.caFile}'`);
    const PATH = [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter); // the script calls node
    await run('sh', ['-c', script], { env: { ...process.env, PATH } });
    const sent = hub.emulator.admin.messages({ limit: 100 }).filter(({ deviceId }) => deviceId === 'oven');
    expect(sent).toHaveLength(2);
    for (const message of sent)
      expect(message).toMatchObject({ body: '{"temperature":4.2}', properties: { store: '7' } });
  });

  test('receives cloud-to-device messages with mosquitto_sub and a SAS token', async () => {
    const token = sasToken(`${hub.emulator.hostName}/devices/door`, await hub.register('door'));
    const service = await openService(hub.emulator);
    const { Message } = await import('azure-iot-common');
    const send = async (text: string) => {
      const sent = new Message(text);
      sent.properties.add('level', 'high');
      await service.send('door', sent as never);
    };
    await send('close'); // waits in the queue
    const program = spawn('mosquitto_sub', [
      ...login('door', token),
      ...['-t', 'devices/door/messages/devicebound/#', '-C', '2', '-F', '%t %p'],
    ]);
    let output = '';
    program.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = once(program, 'close');
    await expect.poll(() => output).toContain('close');
    await send('open');
    expect(await ended).toEqual([0, null]);
    const topic =
      'devices/door/messages/devicebound/%24.to=%2Fdevices%2Fdoor%2Fmessages%2Fdevicebound&level=high';
    expect(output).toBe(`${topic} close\n${topic} open\n`);
    await service.close();
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
