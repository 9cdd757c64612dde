// @module-tag full

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LOCAL_WEB_KEY } from '../../local/functionKeys';
import { call } from '../stack';
import { ANY_PORT, launch, type LaunchedCommand } from './startedStack';

let data: string;
let running: LaunchedCommand | undefined;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.exit;
  await rm(data, { recursive: true, force: true });
});

const DEVICE = { deviceId: 'kept', deviceKey: Buffer.from('the key of a device').toString('base64') };

/** Starts the local stack, registers the device, and stops the stack. Returns the status of the registration. */
async function registerInNewStart(): Promise<number> {
  running = launch('start', [...ANY_PORT, '--no-analytics', '--data', data]);
  const url = await running.printed(/^ready (\S+)/m);
  const { status } = await call(`${url}/api/devices`, {
    method: 'POST',
    headers: { 'x-functions-key': LOCAL_WEB_KEY, 'content-type': 'application/json' },
    body: JSON.stringify(DEVICE),
  });
  running.process.kill('SIGTERM');
  expect(await running.exit).toBe(0);
  return status;
}

test('npm start -- --data keeps the devices of the emulator across restarts', async () => {
  expect(await registerInNewStart()).toBe(201);
  expect(await registerInNewStart()).toBe(200);
});
