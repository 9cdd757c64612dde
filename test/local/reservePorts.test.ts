import { request } from 'node:http';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Child } from '../../local/childProcess';
import { type ReservedPort, reservePort } from '../../local/reservePorts';
import { startBlobStorage } from '../../local/products';

/** Whether another program could listen on the port. */
const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

describe('a reserved port', () => {
  test('is taken until it is released', async () => {
    const reserved = await reservePort(0);
    expect(await isFree(reserved.port)).toBe(false);
    await reserved.release();
    expect(await isFree(reserved.port)).toBe(true);
    expect(reserved.takeOver()).toBeUndefined();
  });

  test('can be taken over once, and is then not released', async () => {
    const reserved = await reservePort(0);
    const server = reserved.takeOver();
    expect(reserved.takeOver()).toBeUndefined();
    await reserved.release();
    expect(await isFree(reserved.port)).toBe(false);
    server?.close();
  });
});

describe('Blob storage', { tags: 'full' }, () => {
  let reserved: ReservedPort;
  let storage: Child;
  const log: string[] = [];
  /** whether the port was free at any time during the start */
  let wasFree = false;

  beforeAll(async () => {
    reserved = await reservePort(0);
    storage = startBlobStorage(reserved.port, (line) => log.push(line), reserved.takeOver());
    const start = { isReady: false };
    const ready = storage.ready.then(() => (start.isReady = true));
    while (!start.isReady) {
      wasFree ||= await isFree(reserved.port);
      await new Promise(setImmediate);
    }
    await ready;
  });
  afterAll(() => storage.close());

  const statusFor = (host: string, path = '/devstoreaccount1?comp=list'): Promise<number> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: reserved.port, path, headers: { host } }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });

  test('starts on its reserved port, which no other program can use in the meantime', async () => {
    expect(wasFree).toBe(false);
    expect(await storage.ready).toBe(`http://127.0.0.1:${reserved.port}`);
    expect(log).toEqual([]);
  });

  test('says in one line that its port is in use', { tags: 'full' }, async () => {
    const lines: string[] = [];
    const second = startBlobStorage(reserved.port, (line) => lines.push(line));
    await expect(second.ready).rejects.toThrow('ended before it was ready (exit code 1)');
    expect(lines).toEqual([`port ${reserved.port} is in use: choose another with --blob-port`]);
  });

  test.each([
    'evil.example',
    'devstoreaccount1.evil.example',
    'devstoreaccount1.blob.localhost',
    'localhost.',
    'user@localhost',
  ])('rejects requests for the host %j', async (host) => {
    expect(await statusFor(host)).toBe(421);
  });

  test('serves requests for local hosts to those who have its key', async () => {
    expect(await statusFor('localhost')).toBe(403);
    expect(await statusFor(`127.0.0.1:${reserved.port}`)).toBe(403);
  });
});
