import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import rhea, { type Session } from 'rhea';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';

const FRAME_BYTES = 512;
/** Several frames. */
const MESSAGE_BYTES = 2_000;
const TURNS = 500;

let emulator: Emulator;
let caFolder: string;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ partitions: 1, caFolder });
  emulator.admin.seed({ count: 1, sizeBytes: MESSAGE_BYTES });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

/** The parts of rhea's session that decide on the window. */
interface SessionWindow {
  readonly local: { readonly begin: { incoming_window: number } };
  readonly incoming: { readonly deliveries: { available: () => number } };
  on_transfer: (frame: unknown) => void;
  _write_flow: () => void;
}

/** Reads from a session that accepts `frames` frames, and no more before `grant`. */
async function readWithWindow(frames: number) {
  const connection = rhea.create_container().connect({
    ...{ host: '127.0.0.1', port: emulator.amqpPort, reconnect: false, max_frame_size: FRAME_BYTES },
    ...{ username: 'service', password: POLICIES.service.key },
  });
  connection.on('disconnected', () => undefined);
  onTestFinished(() => connection.close());
  const session: Session = connection.create_session();
  const internals = session as unknown as SessionWindow;
  let window = frames;
  let received = 0;
  internals.local.begin.incoming_window = frames;
  internals.incoming.deliveries.available = () => window;
  const transfer = internals.on_transfer.bind(session);
  internals.on_transfer = (frame) => {
    received++;
    window--;
    transfer(frame);
  };
  session.begin();
  const receiver = session.open_receiver({
    source: {
      address: 'hubfront/ConsumerGroups/$Default/Partitions/0',
      filter: rhea.filter.selector("amqp.annotation.x-opt-offset > '-1'"),
    },
    credit_window: 0,
  });
  const message = new Promise((resolve) => receiver.once('message', resolve));
  receiver.add_credit(1);
  await new Promise((resolve) => receiver.once('receiver_open', resolve));
  return {
    message,
    received: () => received,
    grant(more: number) {
      window = more;
      internals._write_flow();
    },
  };
}

test.each([0, 1])('a reader waits without work for a session window of %d frames to grow', async (frames) => {
  const reader = await readWithWindow(frames);
  await expect.poll(reader.received).toBe(frames);
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  const scheduled = vi.spyOn(globalThis, 'setImmediate');
  onTestFinished(() => scheduled.mockRestore());
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  expect(scheduled.mock.calls.length).toBeLessThan(TURNS / 10);
  expect(reader.received()).toBe(frames);
  reader.grant(100);
  await reader.message;
});
