import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import avro from 'avsc';
import { describe, expect, test, vi } from 'vitest';
import { eventFiles } from './eventFiles';

const { inFolder, rows } = eventFiles();

/** Written by avro 1.11 for Python, the library of the Apache project. */
const SNAPPY_AVRO =
  'T2JqAQQUYXZyby5jb2RlYwxzbmFwcHkWYXZyby5zY2hlbWHsAXsidHlwZSI6ICJyZWNvcmQiLCAibmFtZSI6ICJyIiwgImZpZWxk' +
  'cyI6IFt7InR5cGUiOiAibG9uZyIsICJuYW1lIjogImlkIn0sIHsidHlwZSI6IFsibnVsbCIsICJzdHJpbmciXSwgIm5hbWUiOiAi' +
  'dCJ9XX0AVtor9zawiVAtlqItjF36OgY8XQSCgAUBCCAAhAUIEIAgAkBhegEAAIaiKgDp+hmuVtor9zawiVAtlqItjF36Og==';

/** Written by the same: a long with a logical type, and a double of 1. */
const NANOSECONDS_AVRO =
  'T2JqAQQUYXZyby5jb2RlYwhudWxsFmF2cm8uc2NoZW1hrgJ7InR5cGUiOiAicmVjb3JkIiwgIm5hbWUiOiAiciIsICJmaWVsZHMi' +
  'OiBbeyJ0eXBlIjogeyJ0eXBlIjogImxvbmciLCAibG9naWNhbFR5cGUiOiAidGltZXN0YW1wLW5hbm9zIn0sICJuYW1lIjogInQi' +
  'fSwgeyJ0eXBlIjogImRvdWJsZSIsICJuYW1lIjogImQifV19ADlXf5ifSsN0Dihx+p5XATYCIoKA0OLGv86XLwAAAAAAAPA/OVd/' +
  'mJ9Kw3QOKHH6nlcBNg==';

describe('a file of events', () => {
  test('may be Avro that another library has written, with the codec snappy', async () => {
    const text = 'a'.repeat(32);
    expect(
      await rows(
        Buffer.from(SNAPPY_AVRO, 'base64'),
        'events.avro',
        'SELECT CAST(id AS nvarchar(max)) AS id, t FROM [i]',
      ),
    ).toEqual([
      { id: '9007199254740993', t: null },
      { id: '9007199254740994', t: text },
      { id: '9007199254740995', t: text },
    ]);
  });

  test.each(['null', 'deflate'] as const)('may be Avro, with the codec %s', async (codec) => {
    const type = avro.Type.forSchema({
      type: 'record',
      name: 'reading',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'v', type: ['null', 'double', 'string'] },
        { name: 'w', type: ['int', 'double'] },
        { name: 'raw', type: 'bytes' },
        { name: 'tags', type: { type: 'map', values: { type: 'array', items: 'int' } } },
      ],
    });
    const records = [
      { id: 4_503_599_627_370_497, v: null, w: { int: 3 }, raw: Buffer.from('ab'), tags: {} },
      { id: -1, v: 2.5, w: { double: 0.5 }, raw: Buffer.alloc(0), tags: { t: [1, 2] } },
    ];
    const encoder = new avro.streams.BlockEncoder(type, { codec });
    for (const record of records) encoder.write(record);
    encoder.end();
    const file = Buffer.concat((await encoder.toArray()) as Buffer[]);
    const expected = [
      { id: 4_503_599_627_370_497, v: null, w: 3, raw: 'YWI=', tags: {} },
      { id: -1, v: 2.5, w: 0.5, raw: '', tags: { t: [1, 2] } },
    ];
    expect(await rows(file, 'events.avro')).toEqual(expected);
    expect(await rows(gzipSync(file), 'events.avro.gz')).toEqual(expected);
  });

  /** An Avro file of one record. */
  async function avroOf(fields: object[], record: object): Promise<Buffer> {
    const type = avro.Type.forSchema({ type: 'record', name: 'r', namespace: 'n', fields } as avro.Schema);
    const encoder = new avro.streams.BlockEncoder(type);
    encoder.end(record);
    return Buffer.concat((await encoder.toArray()) as Buffer[]);
  }

  test('keeps the types of numbers in Avro, even those of whole floats', async () => {
    const floats = { type: 'record', name: 'inner', fields: [{ name: 'x', type: 'float' }] };
    const file = await avroOf(
      [
        { name: 'd', type: 'double', default: 1 },
        { name: 'f', type: { type: 'float' } },
        { name: 'big', type: 'double' },
        { name: 'o', type: floats },
        { name: 'a', type: { type: 'array', items: 'double' } },
        { name: 'm', type: { type: 'map', values: ['null', 'float'] } },
        { name: 'u', type: ['null', 'int', 'long', 'float', 'double'] },
        { name: 'v', type: ['null', 'int', 'long', 'float', 'double'] },
        { name: 'i', type: 'int', default: 7 },
        { name: 'n', type: ['int', 'null'], default: 7 },
        { name: 'l', type: 'long', default: 7 },
        { name: 't', type: { type: 'long', logicalType: 'timestamp-millis' } },
        { name: 'day', type: { type: 'int', logicalType: 'date' } },
        { name: 'nan', type: 'double' },
        { name: 'inf', type: ['null', 'float'] },
      ],
      {
        ...{ d: 1, f: -2, big: 1e20, o: { x: 3 }, a: [4, 0], m: { k: 5 }, u: { double: 6 }, v: { int: 6 } },
        ...{ i: 7, n: 7, l: 7, t: 1_700_000_000_000, day: 20_000, nan: NaN, inf: -Infinity },
      },
    );
    const kinds = (names: string): string =>
      names
        .split(' ')
        .map((name) => `GetType(${name}) AS [${name}]`)
        .join(', ');
    const query = `SELECT d / 2 AS h, ${kinds('d f big o.x m.k u v i n l t day')},
      GetType(GetArrayElement(a, 0)) AS a0, GetType(GetArrayElement(a, 1)) AS a1, nan, inf FROM [i]`;
    const floating = Object.fromEntries(
      ['d', 'f', 'big', 'o.x', 'm.k', 'u', 'a0', 'a1'].map((name) => [name, 'float']),
    );
    const whole = Object.fromEntries(['v', 'i', 'n', 'l', 't', 'day'].map((name) => [name, 'bigint']));
    expect(await rows(file, 'events.avro', query)).toEqual([
      { h: 0.5, ...floating, ...whole, nan: null, inf: null },
    ]);
    await rows(file, 'events.avro', 'SELECT d, i FROM [i]');
    expect(await readFile(inFolder('out.ndjson'), 'utf8')).toBe('{"d":1.0,"i":7}\n');
  });

  test('keeps a long of a logical type exactly, beyond 2^53 too', async () => {
    const query = 'SELECT CAST(t AS nvarchar(max)) AS t, GetType(t) AS k, GetType(d) AS g FROM [i]';
    expect(await rows(Buffer.from(NANOSECONDS_AVRO, 'base64'), 'events.avro', query)).toEqual([
      { t: '1700000000000000001', k: 'bigint', g: 'float' },
    ]);
  });

  test('of broken Avro is an error', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue();
    await rows('Obj\u0001 and no more', 'events.avro').catch(() => undefined);
    expect(told.mock.lastCall?.[0]).toContain('events.avro: ');
    expect(process.exitCode).toBe(2);
  });
});
