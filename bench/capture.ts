/** Counts round trips in captured connections, and describes them. */

import type { CapturedConnection, Flight } from './hubProxy';

/**
 * Counts the round trips on the connection with the most: one for TCP if it was opened, and one for each response that
 * the client waited for.
 */
export function roundTrips(connections: readonly CapturedConnection[]): number {
  const trips = connections.map(
    ({ opened, flights }) => Number(opened) + flights.filter(({ from }) => from === 'hub').length,
  );
  return Math.max(0, ...trips);
}

/** Describes the traffic on that connection, one line per flight. */
export function describeFlights(connections: readonly CapturedConnection[]): string {
  const [longest] = [...connections].sort((a, b) => roundTrips([b]) - roundTrips([a]));
  if (!longest) return '(nothing)';
  const tcp = longest.opened ? ['  TCP handshake'] : [];
  return [
    ...tcp,
    ...longest.flights.map((flight) => {
      const arrow = flight.from === 'app' ? '→ hub' : '← hub';
      return `  ${arrow} ${flight.atMs.toFixed(0).padStart(5)} ms  ${contents(flight)}`;
    }),
  ].join('\n');
}

function contents({ bytes }: Flight): string {
  const isTls = (bytes[0] ?? 0) >= 20 && (bytes[0] ?? 0) <= 23 && bytes[1] === 3;
  return (isTls ? tlsRecords(bytes) : amqpFrames(bytes)).join(', ');
}

const TLS_RECORDS: Readonly<Record<number, string>> = {
  20: 'change cipher spec',
  21: 'alert',
  22: 'handshake',
  23: 'encrypted',
};

/** RFC 8446, 5.1: type, version, length. */
function tlsRecords(bytes: Buffer): string[] {
  const records: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    records.push(`${TLS_RECORDS[bytes[at] ?? 0] ?? '?'} ${bytes.readUInt16BE(at + 3)}`);
  }
  return [`TLS: ${records.join(' + ')}`];
}

/** AMQP 1.0, 2.7 and 5.3.3: the performatives by their descriptors. */
const PERFORMATIVES: Readonly<Record<number, string>> = {
  0x10: 'open',
  0x11: 'begin',
  0x12: 'attach',
  0x13: 'flow',
  0x14: 'transfer',
  0x15: 'disposition',
  0x16: 'detach',
  0x17: 'end',
  0x18: 'close',
  0x40: 'sasl-mechanisms',
  0x41: 'sasl-init',
  0x44: 'sasl-outcome',
};

/** AMQP 1.0, 2.2 and 2.3: a protocol header, or frames with size, data offset, type, channel and a described list. */
function amqpFrames(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    if (bytes.subarray(at, at + 4).toString('latin1') === 'AMQP') {
      found.push(bytes[at + 4] === 3 ? 'SASL header' : 'AMQP header');
      at += 8;
      continue;
    }
    const size = bytes.readUInt32BE(at);
    if (size < 8) break;
    const body = at + (bytes[at + 4] ?? 2) * 4;
    found.push(size === 8 ? 'empty frame' : performative(bytes.subarray(body, at + size)));
    at += size;
  }
  return counted(found);
}

function performative(body: Buffer): string {
  const name = PERFORMATIVES[body[2] ?? 0] ?? '?';
  if (name !== 'attach') return name;
  const address = /\$cbs|\$management|[\w$.-]+\/ConsumerGroups\/[\w$.-]+\/Partitions\/\d+/.exec(
    body.toString('latin1'),
  );
  return `attach ${address?.[0].replace(/^.*\/Partitions\//, 'partition ') ?? ''}`;
}

/** Abbreviates `a, a, b` to `2 × a, b`. */
function counted(names: readonly string[]): string[] {
  const counts: { name: string; count: number }[] = [];
  for (const name of names) {
    const last = counts.at(-1);
    if (last?.name === name) last.count += 1;
    else counts.push({ name, count: 1 });
  }
  return counts.map(({ name, count }) => (count === 1 ? name : `${count} × ${name}`));
}
