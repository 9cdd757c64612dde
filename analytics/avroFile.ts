/** Reads Avro. */

import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import avro from 'avsc';
import snappy from 'snappyjs';

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

/** As a bigint too, so that each number that is read is a float or double of the schema. */
class ExactInt extends avro.types.LogicalType {
  protected override _fromValue(value: number): bigint {
    return BigInt(value);
  }
  protected override _toValue(value: unknown): number | undefined {
    return typeof value === 'bigint' ? Number(value) : undefined;
  }
}
const exactInt = new ExactInt({ type: 'int', logicalType: 'exact' });

/** Also for `{"type":"long","logicalType":"timestamp-millis"}` and the like, which a registry of types does not cover. */
const typeHook = (schema: unknown): avro.Type | undefined => {
  const name = typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : schema;
  return name === 'long' ? exactLong : name === 'int' ? exactInt : undefined;
};

/** Avro 1.11: a marker of 16 bytes follows the header and each block. */
const SYNC_BYTES = 16;

/** Avro 1.11: a block of snappy ends with a checksum of 4 bytes. */
const CHECKSUM_BYTES = 4;
/** The decompressed size of a block of snappy that is accepted, bytes. Writers use 16 KB to 2 MB. */
const MAX_BLOCK_BYTES = 256 * 1_048_576;

const DAMAGED = 'the Avro data is incomplete or damaged';

type Decompress = (compressed: Buffer, done: (error: Error | null, plain?: Buffer) => void) => void;

const CODECS: Record<string, Decompress> = {
  ...(avro.streams.BlockDecoder.defaultCodecs() as Record<string, Decompress>),
  snappy: (compressed, done) => {
    let plain: Buffer;
    try {
      plain = snappy.uncompress(compressed.subarray(0, -CHECKSUM_BYTES), MAX_BLOCK_BYTES);
    } catch {
      done(new Error(DAMAGED));
      return;
    }
    done(null, plain);
  },
};

/**
 * Writes the records of an Avro container file as JSON, one a line. Bytes become base64; NaN and infinity become null.
 *
 * @throws Error when the file is incomplete or damaged, or has another codec than null, deflate and snappy
 */
export async function writeAvroAsLines(file: string, isGzip: boolean, to: string): Promise<void> {
  const decoder = new avro.streams.BlockDecoder({
    parseHook: (schema) => avro.Type.forSchema(schema, { typeHook }),
    codecs: CODECS,
  });
  let header: { sync: Buffer } | undefined;
  decoder.once('metadata', (_type: unknown, _codec: string, found: { sync: Buffer }) => (header = found));
  let end = Buffer.alloc(0);
  const keepEnd = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      end = Buffer.concat([end, chunk.subarray(-SYNC_BYTES)]).subarray(-SYNC_BYTES);
      done(null, chunk);
    },
  });
  const lines = new Transform({
    writableObjectMode: true,
    transform: (record: unknown, _encoding, done) => {
      done(null, `${json(record)}\n`);
    },
  });
  const output = createWriteStream(to);
  await (
    isGzip
      ? pipeline(createReadStream(file), createGunzip(), keepEnd, decoder, lines, output)
      : pipeline(createReadStream(file), keepEnd, decoder, lines, output)
  ).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw error;
    const [, codec] = /^unknown codec: (.*)/.exec(message) ?? [];
    // The decoder's own texts speak of its parts, and may contain data of the file.
    throw new Error(
      codec === undefined
        ? DAMAGED
        : `the codec ${codec} of Avro is not supported: write the file with null, deflate or snappy`,
    );
  });
  if (!header) throw new Error('it is not a complete Avro container file');
  // The decoder does not report an incomplete block.
  if (!end.equals(header.sync)) throw new Error(DAMAGED);
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
  if (typeof value === 'number') return floatJson(value);
  return JSON.stringify(value ?? null);
}

/** With a fraction or an exponent, because `1` would be a bigint. JSON has neither infinity nor NaN. */
function floatJson(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const isWrapped = (value: unknown): value is { unwrap: () => unknown } =>
  typeof value === 'object' && value !== null && 'unwrap' in value && typeof value.unwrap === 'function';
