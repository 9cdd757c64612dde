import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import rhea, { type Message } from 'rhea';
import { describe, expect, test } from 'vitest';
import { decodeMessage, installDecoder } from '../../../src/iothub/eventHub/decodeMessage';

const { types } = rhea;
// As it is at first: an open connection puts the other decoder in its place.
const { encode, decode: decodeByRhea } = rhea.message as unknown as {
  encode: (message: object) => Buffer;
  decode: (bytes: Buffer) => Message;
};

const name = fc
  .oneof(
    fc.constantFrom('x-opt-offset', 'iothub-connection-device-id', 'constructor', 'toString', ''),
    fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
  )
  .filter((text) => text !== '__proto__');
const text = fc.string({ unit: 'grapheme', maxLength: 400 });
const binary = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
const value = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer().map((n) => types.wrap_int(n)),
  fc.nat().map((n) => types.wrap_uint(n)),
  fc.maxSafeInteger().map((n) => types.wrap_long(n)),
  fc.double().map((n) => types.wrap_double(n)),
  fc.date({ noInvalidDate: true }).map((time) => types.wrap_timestamp(time.getTime())),
  fc.nat({ max: 255 }).map((n) => types.wrap_ubyte(n)),
  name.map((symbol) => types.wrap_symbol(symbol)),
  binary.map((bytes) => types.wrap_binary(bytes)),
  // Of those that are left to rhea.
  fc.nat().map((n) => types.wrap_ulong(n)),
  fc.float().map((n) => types.wrap_float(n)),
  fc.array(text, { maxLength: 3 }).map((list) => types.wrap_list(list)),
);
const map = fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true });
const body = fc.oneof(
  { weight: 5, arbitrary: binary.map((bytes) => rhea.message.data_section(bytes)) },
  {
    weight: 1,
    arbitrary: fc.array(binary, { minLength: 2, maxLength: 3 }).map((all) => rhea.message.data_sections(all)),
  },
  { weight: 1, arbitrary: text },
  { weight: 1, arbitrary: map },
  { weight: 1, arbitrary: fc.constant(null) },
);
const message = fc.record(
  {
    durable: fc.boolean(),
    priority: fc.nat({ max: 255 }),
    ttl: fc.nat(),
    delivery_annotations: map,
    message_annotations: map,
    application_properties: map,
    message_id: fc.oneof(text, fc.nat(), fc.uuid().map(uuidBytes)),
    user_id: binary,
    to: text,
    correlation_id: text,
    content_type: name,
    content_encoding: name,
    absolute_expiry_time: fc.nat(),
    creation_time: fc.nat(),
    group_sequence: fc.nat(),
    body,
  },
  { requiredKeys: ['body'] },
);

function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

/** By value: the two decoders' objects have other prototypes, and to Node no invalid date is equal to another. */
function plain(decoded: unknown): unknown {
  if (decoded instanceof Date) return Number.isNaN(decoded.getTime()) ? 'an invalid date' : decoded;
  const hasMembers = typeof decoded === 'object' && decoded !== null && !Buffer.isBuffer(decoded);
  if (!hasMembers || Array.isArray(decoded)) return decoded;
  return Object.fromEntries(Object.entries(decoded).map(([member, of]) => [member, plain(of)]));
}

describe('a message from the hub', () => {
  test('is decoded as rhea does, or left to it', () => {
    let decoded = 0;
    fc.assert(
      fc.property(message, (sent) => {
        const bytes = encode(sent);
        const got = decodeMessage(bytes);
        if (!got) return;
        decoded += 1;
        deepStrictEqual(plain(got), plain(decodeByRhea(bytes)));
      }),
      { numRuns: 2_000 },
    );
    expect(decoded).toBeGreaterThan(100);
  });

  test('that is damaged is decoded as rhea does, or left to it', () => {
    const warn = console.warn;
    console.warn = () => undefined; // rhea's
    try {
      fc.assert(
        fc.property(message, fc.infiniteStream(fc.nat()), fc.nat({ max: 8 }), (sent, numbers, damages) => {
          const bytes = encode(sent);
          const next = (below: number): number => (numbers.next().value as number) % below;
          for (let i = 0; i < damages; i += 1) bytes[next(bytes.length)] = next(256);
          const cut = bytes.subarray(0, bytes.length - (damages % 2) * next(bytes.length));
          const got = decodeMessage(cut);
          if (got) deepStrictEqual(plain(got), plain(decodeByRhea(cut)));
        }),
        { numRuns: 2_000 },
      );
    } finally {
      console.warn = warn;
    }
  });

  test('keeps a property by the name of __proto__', () => {
    const properties = { ['__proto__']: 'kept', other: 'too' };
    const got = decodeMessage(
      encode({ application_properties: properties, body: rhea.message.data_section(Buffer.alloc(0)) }),
    );
    expect(Object.entries(got?.application_properties ?? {})).toEqual([
      ['__proto__', 'kept'],
      ['other', 'too'],
    ]);
  });

  test('with lists too deep for rhea keeps its annotations and loses its body', () => {
    const annotations = { 'x-opt-sequence-number': 7, 'x-opt-offset': '8' };
    const bytes = Buffer.concat([encode({ message_annotations: annotations }), valueOfLists(20_000)]);
    expect(() => decodeByRhea(bytes)).toThrow(RangeError);
    installDecoder();
    const { message_annotations: kept, body: lost } = (
      rhea.message as unknown as { decode: typeof decodeByRhea }
    ).decode(bytes);
    expect([plain(kept), lost]).toEqual([annotations, undefined]);
  });
});

/** A section with a value: lists of one list each. AMQP 1.0 part 1: a long list begins with its size and count. */
function valueOfLists(depth: number): Buffer {
  let lists = Buffer.from([0x45]);
  const all = [lists];
  for (let i = 0, size = 1; i < depth; i += 1, size += 9) {
    lists = Buffer.alloc(9, 0xd0);
    lists.writeUInt32BE(size + 4, 1);
    lists.writeUInt32BE(1, 5);
    all.unshift(lists);
  }
  return Buffer.concat([Buffer.from([0x00, 0x53, 0x77]), ...all]);
}
