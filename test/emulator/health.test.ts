import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { healthOf } from '../../emulator/health';
import { createLog } from '../../emulator/log';
import { startTcpListener } from '../../emulator/transport';
import { freePort } from '../freePort';
import { startHub, type TestHub } from './hub';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub({ amqpsPort: 0 });
});
afterAll(() => hub.close());

test('the emulator is ready once each of its listeners is', async () => {
  const { hubPort, amqpPort, amqpsPort, mqttPort } = hub.emulator;
  const { status, json } = await hub.call('GET', '/health');
  expect(status).toBe(200);
  expect(json).toEqual({
    status: 'ready',
    listeners: {
      https: { port: hubPort, status: 'ready' },
      amqp: { port: amqpPort, status: 'ready' },
      amqps: { port: amqpsPort, status: 'ready' },
      mqtts: { port: mqttPort, status: 'ready' },
    },
  });
  expect(hub.emulator.health()).toEqual(json);
});

test('a health check needs no token, may be a HEAD, and may not change anything', async () => {
  expect(await hub.call('HEAD', '/health', undefined, { authorization: '' })).toMatchObject({
    status: 200,
    json: undefined,
  });
  expect(await hub.call('POST', '/health', {})).toMatchObject({ status: 405 });
});

test('a listener that was lost makes the emulator not ready', async () => {
  const accept = (): void => undefined;
  const lost = await startTcpListener({
    address: '127.0.0.1',
    protocol: 'amqp',
    port: 0,
    accept,
    log: createLog('error', () => undefined),
  });
  const kept = await startTcpListener({
    address: '127.0.0.1',
    protocol: 'mqtts',
    port: 0,
    accept,
    log: createLog('error', () => undefined),
  });
  await lost.close();
  expect(healthOf({ amqp: lost, amqps: undefined, mqtts: kept })).toEqual({
    status: 'not ready',
    listeners: {
      amqp: { port: lost.port, status: 'not ready' },
      mqtts: { port: kept.port, status: 'ready' },
    },
  });
  await kept.close();
});

test('a restarting hub waits for its port while another program has it', async () => {
  const logged: string[] = [];
  const restarting = await startHub({ hubPort: await freePort(), log: (line) => logged.push(line) });
  const { admin, hubPort } = restarting.emulator;
  const other = createServer();
  admin.armFault({ kind: 'restart', downMs: 500 });
  other.listen(hubPort, '127.0.0.1');
  await once(other, 'listening');
  await expect.poll(() => logged.join('\n')).toContain('EADDRINUSE');
  other.close();
  await expect.poll(() => restarting.emulator.health().status).toBe('ready');
  expect(await restarting.call('GET', '/health')).toMatchObject({ status: 200 });
  await expect.poll(() => logged.join('\n')).toContain(`the port ${hubPort} is open again`);
  expect(logged.filter((line) => line.includes('EADDRINUSE'))).toHaveLength(1);
  await restarting.close();
});
