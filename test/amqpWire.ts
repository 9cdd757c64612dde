import { createRequire } from 'node:module';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { AmqpRules, type Violation, type WireFrame } from './amqpRules';

const frames = createRequire(import.meta.url)('rhea/lib/frames.js') as {
  read_frame: (bytes: Buffer) => { type: number; channel: number; performative?: object; payload?: Buffer };
};

/** A TCP proxy that reads the AMQP frames of both sides and checks them against the protocol's rules. */
export interface AmqpWire {
  readonly port: number;
  readonly frames: readonly WireFrame[];
  /** what either side sent and AMQP does not allow */
  readonly violations: Violation[];
  close: () => void;
}

const HEADER_BYTES = 8;
const AMQP_FRAME = 0;

/** Listens on a free port. @param target port on this machine */
export async function startAmqpWire(target: number): Promise<AmqpWire> {
  const recorded: WireFrame[] = [];
  const violations: Violation[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const server = createServer((client) => {
    const connection = (connections += 1);
    const upstream = connect(target, '127.0.0.1');
    const rules = new AmqpRules((violation) => violations.push(violation));
    for (const [socket, other, from] of [
      [client, upstream, 'client'],
      [upstream, client, 'server'],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      const read = frameReader((channel, performative, payload, bytes) => {
        // rhea's constructors print as `open#10`.
        const name =
          performative === undefined ? 'empty' : (String(performative.constructor).split('#')[0] ?? '');
        const fields = performative === undefined ? {} : fieldsOf(performative);
        const frame = { connection, from, channel, name, fields, payloadBytes: payload?.length ?? 0 };
        recorded.push(frame);
        rules.check(frame, bytes);
      });
      socket.on('data', (data) => {
        read(data);
        other.write(data);
      });
      socket.on('end', () => other.end());
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    frames: recorded,
    violations,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Splits a byte stream into protocol headers, which it skips, and frames. */
function frameReader(
  onFrame: (
    channel: number,
    performative: object | undefined,
    payload: Buffer | undefined,
    bytes: number,
  ) => void,
): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= HEADER_BYTES) {
      const isHeader = rest.toString('latin1', 0, 4) === 'AMQP';
      const size = isHeader ? HEADER_BYTES : rest.readUInt32BE();
      if (rest.length < size) return;
      const bytes = rest.subarray(0, size);
      rest = rest.subarray(size);
      if (isHeader) continue;
      const { type, channel, performative, payload } = frames.read_frame(bytes);
      if (type === AMQP_FRAME) onFrame(channel, performative, payload, size);
    }
  };
}

/** rhea's performatives have their values in a list, and an accessor for each field. */
function fieldsOf(performative: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name in performative) {
    const value = (performative as Record<string, unknown>)[name];
    if (name !== 'value' && typeof value !== 'function' && value !== undefined && value !== null) {
      fields[name] = value;
    }
  }
  return fields;
}
