import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import rhea, { type Connection } from 'rhea';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator';
import { type AmqpOracle, startAmqpOracle } from '../oracles/amqpOracle';
import { type EndpointFault, emulatorAdmin } from '../feedEndpoints';
import { buildDotnetProgram } from '../oracles/dotnet';

const require = createRequire(import.meta.url);
const { Reader } = require('rhea/lib/types.js') as { Reader: new (bytes: Buffer) => any };

const NAMES: Record<number, string> = {
  ...{ 0x10: 'open', 0x11: 'begin', 0x12: 'attach', 0x13: 'flow', 0x14: 'transfer', 0x15: 'disposition' },
  ...{ 0x16: 'detach', 0x17: 'end', 0x18: 'close' },
};

/** Fields whose values a server is free to choose, by frame: clients take them as announced. */
const FREE: Record<string, readonly number[]> = {
  open: [0], // container-id
  begin: [1, 2, 3], // next-outgoing-id and the windows
  attach: [1], // handle
  transfer: [1, 2, 10], // delivery-id, delivery-tag, batchable
};

/** A value of rhea's reader without the width of its encoding. */
function plain(typed: any): unknown {
  if ((typed?.value ?? undefined) === undefined && !Array.isArray(typed)) return null;
  if (Array.isArray(typed)) return typed.map(plain);
  const { value, descriptor } = typed;
  const bare = Array.isArray(value)
    ? value.map(plain)
    : Buffer.isBuffer(value)
      ? value.toString('hex')
      : value;
  return descriptor === undefined ? bare : { [String(descriptor.value)]: bare };
}

/** What a server sends, frame by frame: name and fields, those that are its free choice left out. */
function frameRecorder(): { frames: string[]; push: (data: Buffer) => void } {
  let bytes = Buffer.alloc(0);
  const frames: string[] = [];
  const push = (data: Buffer) => {
    bytes = Buffer.concat([bytes, data]);
    while (bytes.length >= 8) {
      const size = bytes.toString('latin1', 0, 4) === 'AMQP' ? 8 : bytes.readUInt32BE();
      if (bytes.length < size) return;
      const frame = bytes.subarray(0, size);
      bytes = bytes.subarray(size);
      if (frame[0] === 0x41 || frame[5] !== 0 || size === 8) continue; // a header, SASL, a heartbeat
      const reader = new Reader(frame);
      reader.position = (frame[4] ?? 0) * 4;
      const performative = reader.read();
      const name = NAMES[performative.descriptor.value] ?? '';
      const fields = performative.value.map(plain);
      for (const free of FREE[name] ?? []) fields[free] = 'free';
      if (name === 'flow' || name === 'disposition') continue; // sent when a server likes
      frames.push(`${name} ${JSON.stringify(fields)}`);
    }
  };
  return { frames, push };
}

interface Server {
  readonly port: number;
  readonly key: string;
  readonly armFault: (fault: EndpointFault) => Promise<unknown>;
}

/** An exchange as Microsoft's clients have it: claims, a reader, a refused reader, a refused sender, and the end. */
async function exchange(server: Server): Promise<string[]> {
  const { connection, recorder, once } = await read(server);
  const closed = once(connection, 'connection_close');
  connection.close();
  await closed;
  return recorder.frames;
}

/** What a server sends to a client that reads, because of a fault. */
async function framesOf(server: Server, fault: EndpointFault, count: number): Promise<string[]> {
  const { connection, recorder } = await read(server);
  const before = recorder.frames.length;
  const affected = fault.kind === 'detachRequestLinks' ? 2 : 1;
  expect(await server.armFault(fault)).toEqual({ affected });
  await expect.poll(() => recorder.frames.length - before).toBe(count);
  connection.close();
  return recorder.frames.slice(before, before + count);
}

async function read({ port, key }: Server) {
  const recorder = frameRecorder();
  const socket = connect(port, '127.0.0.1');
  socket.on('data', recorder.push);
  const connection: Connection = rhea.create_container({ id: 'client' }).connect({
    ...{ username: 'anonymous', reconnect: false, idle_time_out: 0 },
    connection_details: () => ({
      connect: (_port: number, _host: string, _options: object, connected: () => void) => {
        if (socket.connecting) socket.once('connect', connected);
        else process.nextTick(connected);
        return socket;
      },
    }),
  } as never);
  for (const event of ['disconnected', 'connection_error', 'session_error', 'receiver_error', 'sender_error'])
    connection.on(event, () => undefined);
  const once = (emitter: any, event: string) => new Promise<any>((done) => emitter.once(event, done));

  const session = connection.create_session();
  session.begin();
  const cbs = session.open_sender({ target: '$cbs', name: 'cbs-sender', snd_settle_mode: 1 });
  const replies = session.open_receiver({
    ...{ source: '$cbs', target: 'replies', name: 'cbs-receiver', snd_settle_mode: 1 },
  });
  await Promise.all([once(cbs, 'sendable'), once(replies, 'receiver_open')]);
  const resource = encodeURIComponent('sb://127.0.0.1/hubfront');
  const expiry = Math.floor(Date.now() / 1000) + 600;
  const sig = encodeURIComponent(createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64'));
  cbs.send({
    message_id: '1',
    reply_to: 'replies',
    application_properties: {
      ...{ operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: 'sb://127.0.0.1/hubfront' },
    },
    body: `SharedAccessSignature sr=${resource}&sig=${sig}&se=${expiry}&skn=service`,
  });
  await once(replies, 'message');

  const reading = {
    snd_settle_mode: 1,
    properties: { 'com.microsoft:receiver-name': 'r' },
    credit_window: 0,
  };
  const path = (group: string) => `/hubfront/ConsumerGroups/${group}/Partitions/0`;
  const reader = session.open_receiver({ source: path('$Default'), name: 'reader', ...reading });
  await once(reader, 'receiver_open');
  const refused = session.open_receiver({ source: path('nobody'), name: 'refused', ...reading });
  await once(refused, 'receiver_close');
  const producer = session.open_sender({ target: 'hubfront', name: 'producer' });
  await once(producer, 'sender_close');
  return { connection, recorder, once };
}

const assembly = buildDotnetProgram('test/oracles/amqp');

describe.runIf(assembly)("the emulator's frames", { tags: 'full' }, () => {
  let emulator: Emulator;
  let oracle: AmqpOracle;
  let caFolder: string;
  beforeAll(async () => {
    caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    emulator = await startEmulator({ partitions: 1, caFolder });
    oracle = await startAmqpOracle(assembly ?? '', {
      partitions: 1,
      policies: { service: POLICIES.service.key },
    });
  });
  afterAll(async () => {
    await Promise.all([oracle.close(), emulator.close()]);
    await rm(caFolder, { recursive: true, force: true });
  });
  const servers = (): Server[] => {
    const { key } = POLICIES.service;
    return [
      { port: oracle.port, key, armFault: (fault) => oracle.run('armFault', fault) },
      { port: emulator.amqpPort, key, armFault: emulatorAdmin(() => emulator).armFault },
    ];
  };

  test("are those of Microsoft's library, field by field", async () => {
    const [microsofts, own] = servers();
    if (!microsofts || !own) throw new Error('a server is missing');
    expect(await exchange(own)).toEqual(await exchange(microsofts));
  });

  const error = { condition: 'amqp:internal-error', description: 'on purpose' };

  test.each<[string, EndpointFault, readonly string[]]>([
    ['close a connection', { kind: 'closeConnections' }, ['detach', 'detach', 'detach', 'end', 'close']],
    [
      'close a connection with an error',
      { kind: 'closeConnections', ...error },
      ['detach', 'detach', 'detach', 'end', 'close'],
    ],
    ['end sessions', { kind: 'endSessions' }, ['detach', 'detach', 'detach', 'end']],
    ['end sessions with an error', { kind: 'endSessions', ...error }, ['detach', 'detach', 'detach', 'end']],
    ['detach a reader', { kind: 'detachLinks', ...error }, ['detach']],
    [
      'detach the links of a node',
      { kind: 'detachRequestLinks', node: '$cbs', ...error },
      ['detach', 'detach'],
    ],
  ])('%s as it does', async (_, fault, names) => {
    const [theirs, ours] = await Promise.all(
      servers().map((server) => framesOf(server, fault, names.length)),
    );
    expect(ours?.map((frame) => frame.split(' ', 1)[0])).toEqual(names);
    // Microsoft's library detaches links in an order of its own.
    expect(ours?.toSorted()).toEqual(theirs?.toSorted());
  });
});
