import { createHmac } from 'node:crypto';
import mqtt from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { createLog, type LogLevel } from '../../emulator/log';
import { POLICIES } from '../../emulator/index';
import { receiveEvents } from '../azureSdks';
import { closed, startHub, type TestHub } from './hub';

let hub: TestHub | undefined;
let lines: string[] = [];
afterEach(() => hub?.close());

async function start(logLevel?: LogLevel): Promise<TestHub> {
  lines = [];
  hub = await startHub({ log: (line) => lines.push(line), ...(logLevel && { logLevel }) });
  return hub;
}

/** What devices and services do, over each protocol. */
async function useHub(started: TestHub): Promise<string> {
  const device = await started.connect('fridge');
  await device.publishAsync('devices/fridge/messages/events/secret=tea', '"cold"', { qos: 1 });
  await device.subscribeAsync('$iothub/methods/POST/#');
  await started.call('GET', '/devices/fridge');
  await receiveEvents(started.emulator.connectionStrings.eventHub('service'), 1);
  const { json } = await started.call('GET', '/devices/fridge');
  return json.authentication.symmetricKey.primaryKey;
}

test('the level debug shows each connection and operation, without keys, tokens and contents', async () => {
  const key = await useHub(await start('debug'));
  await hub?.close();
  const log = lines.join('\n');
  for (const expected of [
    /^\d{4}-\S+Z debug https 127\.0\.0\.1:\d+ connected$/m,
    /debug https 127\.0\.0\.1:\d+ PUT \/devices\/fridge: 200 \(\d+ ms\)$/m,
    /debug mqtts 127\.0\.0\.1:\d+ connected$/m,
    /debug mqtts 127\.0\.0\.1:\d+ CONNECT 'fridge': accepted$/m,
    /debug mqtts \S+ device 'fridge': PUBLISH telemetry, QoS 1, 6 bytes$/m,
    /debug mqtts \S+ device 'fridge': SUBSCRIBE \$iothub\/methods\/POST\/#$/m,
    /debug amqp 127\.0\.0\.1:\d+ request to '\$cbs': 202$/m,
    /debug amqp \S+ receives from 'hubfront\/ConsumerGroups\/\S+': accepted$/m,
    /debug amqp 127\.0\.0\.1:\d+ disconnected$/m,
  ]) {
    expect(log).toMatch(expected);
  }
  expect(log).not.toContain(key);
  expect(log).not.toMatch(/sig=|SharedAccess|api-version|tea|cold/);
  for (const policy of Object.values(POLICIES)) expect(log).not.toContain(policy.key);
});

test('without the level, operations are not logged', async () => {
  await useHub(await start());
  await hub?.close();
  expect(lines).toEqual([]);
});

test('a client can neither forge a line nor write to the terminal', async () => {
  const { emulator } = await start('debug');
  const client = mqtt.connect({
    host: '127.0.0.1',
    port: emulator.mqttPort,
    protocol: 'mqtts',
    ca: emulator.ca,
    clientId: 'x\n2026-01-01T00:00:00.000Z error \u001B[31mforged\u2028',
    username: 'y',
    reconnectPeriod: 0,
  });
  await closed(client);
  await expect.poll(() => lines.some((line) => line.includes('refused'))).toBe(true);
  expect(lines.filter((line) => /[\p{Cc}\u2028]/u.test(line))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('2026-01-01'))).toEqual([]);
});

test('secrets are removed from every line', () => {
  const written: string[] = [];
  const log = createLog('info', (line) => written.push(line));
  const signature = createHmac('sha256', 'k').update('x').digest('base64');
  log.error(`failed: SharedAccessSignature sr=hub&sig=${encodeURIComponent(signature)}&se=1`);
  log.warn(`failed: HostName=hub;SharedAccessKeyName=service;SharedAccessKey=${signature}`);
  log.info(`failed: {"primaryKey":"${signature}"}`);
  expect(written).toHaveLength(3);
  for (const line of written) expect(line).not.toContain(signature.slice(0, 8));
});

test.each<[LogLevel, number]>([
  ['error', 1],
  ['warn', 2],
  ['info', 3],
  ['debug', 4],
])('the level %s contains the levels before it', (level, count) => {
  const written: string[] = [];
  const log = createLog(level, (line) => written.push(line));
  log.error('1');
  log.warn('2');
  log.info('3');
  log.debug(() => '4');
  expect(written).toHaveLength(count);
});
