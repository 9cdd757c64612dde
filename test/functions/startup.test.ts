import { afterEach, describe, expect, test } from 'vitest';
import { KEY, type Stack, call, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 2).toString('base64');

let stack: Stack;
afterEach(() => stack.close());

const runKeepAlive = () =>
  fetch(`${stack.host.url}/admin/functions/keepAlive`, {
    method: 'POST',
    headers: { 'x-functions-key': KEY, 'content-type': 'application/json' },
    body: '{}',
  });

describe('an app whose settings are missing or malformed', () => {
  test('names all of them in its log and returns 503', async () => {
    stack = await startStack({
      settings: { IOTHUB_HOSTNAME: '', IOTHUB_EVENTHUB_CONNECTION: 'Endpoint=sb://x;SharedAccessKey=hush' },
    });
    for (const answer of [
      await stack.register('d'),
      await stack.send({}),
      await stack.feed(),
      await stack.feed({ action: 'ping' }),
    ]) {
      expect(answer.status).toBe(503);
      expect(answer.json.code).toBe('settings_invalid');
      expect(answer.json.detail).toContain('IOTHUB_HOSTNAME is missing');
      expect(answer.json.detail).toContain('IOTHUB_EVENTHUB_CONNECTION');
    }
    const log = stack.logged.join('\n');
    expect(log).toContain('IOTHUB_HOSTNAME is missing');
    expect(log).not.toContain('hush');
  });

  test('names them in full, although a published key resembles a word', { tags: 'full' }, async () => {
    stack = await startStack({
      settings: { KEEP_ALIVE_SCHEDULE: 'often', KEEP_ALIVE_FUNCTION_KEY: 'hubfront-local' },
    });
    expect(stack.logged.join('\n')).toContain('is not a schedule that NCrontab reads');
  });

  test('logs an error for each, and its timers report them', { tags: 'full' }, async () => {
    stack = await startStack({
      settings: { KEEP_ALIVE_SCHEDULE: '0 0 25 * * *', AF_HOST: 'localhost:7071' },
    });
    const named = (who: string) =>
      stack.logged.filter((line) => line.includes(who) && line.includes('KEEP_ALIVE_SCHEDULE'));
    expect(named('[app] error')).toHaveLength(1);
    await stack.send({});
    expect(named('[sendMessage] error')).toHaveLength(1);
    for (const timer of ['keepAlive', 'snapshotProducts']) {
      await fetch(`${stack.host.url}/admin/functions/${timer}`, {
        method: 'POST',
        headers: { 'x-functions-key': KEY, 'content-type': 'application/json' },
        body: '{}',
      });
      await expect.poll(() => named(`[${timer}] error`)).toHaveLength(1);
    }
    expect(stack.logged.join('\n')).not.toMatch(/AF_HOST is not set|PRODUCTS_DATABASE_URL .*not set/);
  });
});

describe('the very first message of a process', () => {
  test('with a property that is invalid as a header is rejected, and the process continues', async () => {
    stack = await startStack();
    await stack.register('d', DEVICE_KEY);
    const pid = stack.host.workerPid();
    const message = { deviceId: 'd', deviceKey: DEVICE_KEY, deviceMessage: 1 };
    const refused = await stack.send({ ...message, properties: { mood: '😀' } });
    expect([refused.status, refused.json.code]).toEqual([400, 'invalid_property']);
    expect(refused.json.detail).toContain("'mood'");
    expect((await stack.send(message)).status).toBe(201);
    expect(stack.host.workerPid()).toBe(pid);
  });
});

describe('an unreachable hub', () => {
  test('is reported as 503 with Retry-After by every function', async () => {
    stack = await startStack();
    await stack.emulator.close();
    for (const answer of [
      await stack.register('d'),
      await stack.send({ deviceId: 'd', deviceKey: DEVICE_KEY, deviceMessage: 1 }),
      await stack.feed(),
    ]) {
      expect([answer.status, answer.json.code]).toEqual([503, 'hub_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });
});

describe('the keep-alive timer', () => {
  test('pings the three endpoints and sends nothing to the hub', async () => {
    stack = await startStack();
    expect((await runKeepAlive()).status).toBe(202);
    await expect.poll(() => stack.emulator.admin.state().connections.amqp).toBe(1);
    await expect.poll(() => stack.emulator.admin.state().connections.https).toBeGreaterThan(0);
    expect(stack.emulator.admin.state().messages).toBe(0);
    expect(stack.logged.join('\n')).not.toContain('Keep-alive');
  });

  test('logs failures and does not throw', { tags: 'full' }, async () => {
    stack = await startStack({ settings: { AF_HOST: '127.0.0.1:9' } });
    await runKeepAlive();
    await expect.poll(() => stack.logged.filter((line) => line.includes('Keep-alive')).length).toBe(3);
    expect((await call(`${stack.host.url}/api/messages?action=ping`)).status).toBe(200);
  });
});
