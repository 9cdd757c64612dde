import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type WebServer, createEventStreams, createWebApp, startWebServer } from '../../local/webServer';

/** More than the kernel's buffers of a connection hold, so that a reader that does not read is noticed. */
const STATE_BYTES = 4_000_000;
const CHANGES = 500;

let server: WebServer;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function start(options: Parameters<typeof createEventStreams>[1] = {}) {
  let newest = { position: 0, text: '' };
  /** what readers have taken off */
  const taken: number[] = [];
  const streams = createEventStreams((after) => {
    if (newest.position <= after) return undefined;
    taken.push(newest.position);
    return newest;
  }, options);
  const app = createWebApp({});
  app.get('/events', (context) => streams.open(context, ': hello\n\n'));
  server = await startWebServer(app, 0);
  const change = (bytes = 10): void => {
    const position = newest.position + 1;
    newest = { position, text: `data: ${position} ${'x'.repeat(bytes)}\n\n` };
    streams.notify();
  };
  return { change, taken };
}

/** Opens a stream; `text` grows as it is read. */
function open(method = 'GET'): { socket: Socket; text: () => string } {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  socket.write(`${method} /events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return { socket, text: () => text };
}

describe('an event stream', () => {
  test('sends the newest state at once, and each one that follows', async () => {
    const { change } = await start();
    change();
    const reader = open();
    await expect.poll(reader.text).toContain('data: 1 ');
    change();
    await expect.poll(reader.text).toContain('data: 2 ');
  });

  test('keeps nothing for readers that do not read: they skip to the newest state', async () => {
    const { change, taken } = await start();
    const readers = Array.from({ length: 5 }, () => open());
    for (const { text } of readers) await expect.poll(text).toContain('hello');
    for (const { socket } of readers) socket.pause();
    for (let i = 0; i < CHANGES; i += 1) {
      change(STATE_BYTES);
      await new Promise(setImmediate);
    }
    // Of 500 states a reader has got at most those that its connection's buffers took.
    expect(taken.length).toBeLessThan(readers.length * 10);
    const [first] = readers;
    first?.socket.resume();
    await expect.poll(() => first?.text().includes(`data: ${CHANGES} `)).toBe(true);
  });

  test('ends when its reader takes nothing for too long', async () => {
    const active: boolean[] = [];
    const { change } = await start({ stuckMs: 100, onActive: (isActive) => active.push(isActive) });
    const { socket, text } = open();
    await expect.poll(text).toContain('hello');
    socket.pause();
    for (let i = 0; i < 10; i += 1) {
      change(STATE_BYTES);
      await new Promise(setImmediate);
    }
    await expect.poll(() => active).toEqual([true, false]);
  });

  test('is refused when there are too many, and possible again when one has ended', async () => {
    const active: boolean[] = [];
    const { change } = await start({ maxStreams: 2, onActive: (isActive) => active.push(isActive) });
    const [first, second] = [open(), open()];
    for (const { text } of [first, second]) await expect.poll(text).toContain('hello');
    const third = open();
    await expect.poll(third.text).toMatch(/^HTTP\/1.1 503 /);
    first.socket.destroy();
    await expect
      .poll(async () => {
        const fourth = open();
        await once(fourth.socket, 'data');
        return fourth.text();
      })
      .toMatch(/^HTTP\/1.1 200 /);
    change();
    await expect.poll(second.text).toContain('data: 1 ');
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => active).toEqual([true, false]);
  });

  test('is not opened by a HEAD request', async () => {
    const active: boolean[] = [];
    await start({ onActive: (isActive) => active.push(isActive) });
    const { text } = open('HEAD');
    await expect.poll(text).toMatch(/^HTTP\/1.1 200 .*text\/event-stream/s);
    expect(active).toEqual([]);
  });
});
