/** Reads Avro. */

import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import avro from 'avsc';

/** A container file of Avro begins with these. */
export const AVRO_MAGIC = 'Obj\u0001';

/** 64 bits, exactly: JavaScript's numbers would lose digits beyond 2^53. */
const exactLong = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/**
 * Writes the records of an Avro container file as JSON, one a line. Bytes become base64.
 *
 * @throws Error when the file is broken, or compressed with a codec other than deflate
 */
export async function writeAvroAsLines(file: string, isGzip: boolean, to: string): Promise<void> {
  const decoder = new avro.streams.BlockDecoder({
    parseHook: (schema) => avro.Type.forSchema(schema, { registry: { long: exactLong } }),
  });
  const headers: unknown[] = [];
  decoder.once('metadata', (type: unknown) => headers.push(type));
  const lines = new Transform({
    writableObjectMode: true,
    transform: (record: unknown, _encoding, done) => {
      done(null, `${json(record)}\n`);
    },
  });
  const output = createWriteStream(to);
  await (isGzip
    ? pipeline(createReadStream(file), createGunzip(), decoder, lines, output)
    : pipeline(createReadStream(file), decoder, lines, output));
  if (headers.length === 0) throw new Error('it is not an Avro container file');
}

function json(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('base64'));
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  // A value of a union whose types only its wrapper tells apart.
  if (isWrapped(value)) return json(value.unwrap());
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}:${json(one)}`);
    return `{${fields.join(',')}}`;
  }
  // JSON has neither infinity nor NaN.
  return typeof value === 'number' && !Number.isFinite(value) ? 'null' : JSON.stringify(value ?? null);
}

const isWrapped = (value: unknown): value is { unwrap: () => unknown } =>
  typeof value === 'object' && value !== null && 'unwrap' in value && typeof value.unwrap === 'function';
