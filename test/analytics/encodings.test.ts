import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { createEngine } from '../../analytics/engine';
import { translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { testEach } from '../testSize';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-encodings-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

interface Result {
  exitCode: unknown;
  told: string;
  rows: unknown[];
}

async function run(content: string | Buffer, name: string, use = 'i'): Promise<Result> {
  const told = vi.spyOn(console, 'error').mockReturnValue();
  const path = (file: string): string => join(folder, file);
  await rm(path('out.ndjson'), { force: true });
  await writeFile(path(name), content);
  await writeFile(path('other.ndjson'), '{"k":1}\n');
  const query = use === 'i' ? 'SELECT * FROM i' : 'SELECT r.b AS b FROM i JOIN r ON i.k = r.a';
  await writeFile(path('q.asaql'), query);
  const files =
    use === 'i'
      ? ['--input', path(name)]
      : ['--input', path('other.ndjson'), '--reference', `r=${path(name)}`];
  await main(['--query', path('q.asaql'), ...files, '--output', path('out.ndjson')]);
  const text = await readFile(path('out.ndjson'), 'utf8').catch(() => '');
  const rows = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
  return { exitCode: process.exitCode, told: told.mock.calls.flat().join('\n'), rows };
}

const message = (body: unknown): string =>
  JSON.stringify({
    ...{ partitionId: '0', sequenceNumber: 1, enqueuedTimeUtc: '2026-01-01T00:00:00Z', deviceId: 'd' },
    ...{ messageId: null, properties: {}, body },
  });

describe('a control character that stands raw in a text (RFC 8259 forbids it)', () => {
  const RAW = ['\u0001', '\u00020041', '\u00030041', '\t', '\u001f', '\\ud800\u0001', '\u0000'];
  test.each([
    ['', ['\u0001', '\u00020041', '\u00030041', '\t', '\u001f']],
    [' beside half a surrogate pair', ['\\ud800\u0001']],
    [', and so does NUL', ['\u0000']],
  ])('makes a line malformed%s', async (_, all) => {
    const lines = all.flatMap((raw) => [`{"a":"x${raw}y"}\n`, `{"${raw}":"x"}\n`]);
    const { told, rows } = await run(`{"a":"ok"}\n${lines.join('')}`, 'events.json');
    expect(rows).toEqual([{ a: 'ok' }]);
    expect(told).toContain(`${lines.length} of ${lines.length + 1} events dropped`);
  });

  test('makes the event of a hub malformed', async () => {
    const engine = await createEngine(translate('SELECT a FROM i'), DEFAULT_TIME_POLICY);
    const bodies = ['{"a":"ok"}', ...RAW.map((raw) => `{"a":"x${raw}y"}`)];
    const rows: unknown[] = [];
    await engine.process(
      'i',
      bodies.map((body) => ({ body, enqueuedUs: undefined })),
      async ({ rowsSql }) => {
        rows.push(...(await engine.connection.runAndReadAll(rowsSql)).getRows().flat());
      },
    );
    expect(rows).toEqual(['{"a":"ok"}']);
    expect(engine.counts.malformed).toBe(RAW.length);
    engine.close();
  });

  test('makes a message of the feed malformed, also in a body that is a text', async () => {
    const lines = [message({ a: 'ok' }), message({ a: 'x@y' }).replace('@', '\u0001')];
    const { told, rows } = await run([...lines, message('{"a":"x\u0001y"}')].join('\n'), 'feed.json');
    expect(rows).toMatchObject([{ a: 'ok' }]);
    expect(told).toContain('2 of 3 events dropped');
  });

  test.each(['[{"a":1},\n{"a":"\u0001"}]', '{\n"a":1}\n{\n"a":"\u0001"}'])(
    'is an error in an array or objects over several lines: %j',
    async (text) => {
      const { told, exitCode } = await run(text, 'events.json');
      expect(told).toContain('events.json: the JSON is malformed');
      expect(exitCode).toBe(2);
    },
  );
});

describe('a file', () => {
  const JSON_TEXT = '{"a":"1"}\n{"a":"2"}\n';
  const CSV_TEXT = 'a,b\n1,2\n3,4\n';
  const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
  const DAMAGED = 'the Avro data is incomplete or damaged';
  /** The header of a container file of Avro 1.11, with a marker of 16 zeros. */
  function avroHeader(codec: string, schema: string): Buffer {
    const text = (one: string): string => `${String.fromCodePoint(2 * one.length)}${one}`;
    const entries = `${text('avro.codec')}${text(codec)}${text('avro.schema')}${text(schema)}`;
    return Buffer.from(`Obj\u0001\u0004${entries}\0${'\0'.repeat(16)}`);
  }
  /** A block of one record and four bytes that are not deflate. */
  function damagedAvro(): Buffer {
    const block = Buffer.from([2, 8, 0xff, 0xff, 0xff, 0xff]);
    return Buffer.concat([avroHeader('deflate', '"long"'), block, Buffer.alloc(16)]);
  }
  const NOT_UTF8 = 'the file is not UTF-8';

  const UNREADABLE: [string, string, Buffer | string, string][] = [
    ['gzip of gzip of JSON', 'f.json', gzipSync(gzipSync(JSON_TEXT)), 'compressed twice'],
    ['gzip of gzip of CSV', 'f.csv.gz', gzipSync(gzipSync(CSV_TEXT)), 'compressed twice'],
    ['gzip of gzip of Avro', 'f.avro', gzipSync(gzipSync('Obj\u0001')), 'compressed twice'],
    ['a zip archive', 'f.csv', Buffer.from('PK\u0003\u0004\u0014\u0000\u0000x.csv'), 'a zip archive'],
    ['gzip of a zip archive', 'f.json', gzipSync('PK\u0003\u0004\u0014\u0000x'), 'a zip archive'],
    ['zstd', 'f.json', Buffer.from('(\u00b5\u002f\u00fd\u0004\u0058', 'latin1'), 'compressed with zstd'],
    ['bzip2', 'f.csv', Buffer.from('BZh91AY&SY\u00d0\u00ff', 'latin1'), 'compressed with bzip2'],
    ['xz', 'f.csv', Buffer.from('\u00fd7zXZ\u0000\u0000', 'latin1'), 'compressed with xz'],
    ['Parquet', 'f.json', 'PAR1\u0015\u0004\u0015', 'Parquet'],
    ['a picture', 'f.csv', Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'), NOT_UTF8],
    ['CSV in UTF-16LE', 'f.csv', Buffer.from('a,b\n1,2\n', 'utf16le'), NOT_UTF8],
    ['CSV in UTF-16BE', 'f.csv', utf16be('a,b\n1,2\n'), NOT_UTF8],
    ['CSV in UTF-16LE with its mark', 'f.csv', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le'), NOT_UTF8],
    ['CSV in UTF-16BE with its mark', 'f.csv', utf16be('\uFEFFa,b\n1,2\n'), NOT_UTF8],
    ['compressed CSV in UTF-16LE', 'f.csv', gzipSync(Buffer.from('a,b\n1,2\n', 'utf16le')), NOT_UTF8],
    ['JSON in UTF-16LE', 'f.json', Buffer.from('{"a":1}\n', 'utf16le'), NOT_UTF8],
    ['JSON in UTF-16BE', 'f.json', utf16be('[{"a":1},\n{"a":1}]\n'), NOT_UTF8],
    ['CSV in UTF-32BE', 'f.csv', Buffer.from('\0\0\0a\0\0\0,\0\0\0b\0\0\0\n'), NOT_UTF8],
    ['a header in Latin-1', 'f.csv', Buffer.from('é,b\n1,2\n', 'latin1'), NOT_UTF8],
    ['a row in Latin-1', 'f.csv', Buffer.from('a,b\n1,é\n', 'latin1'), NOT_UTF8],
    ['Avro with a schema that is no JSON', 'f.avro', avroHeader('null', '{"type"'), DAMAGED],
    ['Avro with a schema of no type', 'f.avro', avroHeader('null', '{"type":"x"}'), DAMAGED],
    ['Avro with data that its codec cannot read', 'f.avro', damagedAvro(), DAMAGED],
    ['a NUL in the header', 'f.csv', 'name,b\0\n1,2\n', 'the header has a NUL character'],
  ];
  const unreadable =
    (use: string) =>
    async (_: string, name: string, content: Buffer | string, expected: string): Promise<void> => {
      const { told, exitCode } = await run(content, name, use);
      expect(told).toContain(`${name}: `);
      expect(told).toContain(expected);
      expect(exitCode).toBe(2);
    };
  test.each(UNREADABLE)('of %s is an error of the file', unreadable('i'));
  testEach(3, UNREADABLE)('of %s is an error of reference data', unreadable('r'));

  test.each<[string, string, Buffer, number]>([
    ['no bytes in gzip', 'f.json', gzipSync(''), 0],
    ['several members of gzip', 'f.json', Buffer.concat([gzipSync(JSON_TEXT), gzipSync(JSON_TEXT)]), 4],
    ['several members of gzip of CSV', 'f.csv', Buffer.concat([gzipSync(CSV_TEXT), gzipSync('5,6\n')]), 3],
    ['a NUL in a value of CSV', 'f.csv', Buffer.from('a,b\n1,x\0y\n'), 1],
    ['NULs before the first line', 'f.json', Buffer.from(`\0\0\0\0\0\0${JSON_TEXT}`), 1],
    ['a character at the end of the first MiB', 'f.json', atSeam(), 3],
  ])('may have %s', async (_, name, content, expected) => {
    const { rows, exitCode } = await run(content, name);
    expect(exitCode ?? 0).toBe(0);
    expect(rows).toHaveLength(expected);
  });

  /** A character of four bytes, two of which are in the first MiB. */
  function atSeam(): Buffer {
    const before = `{"a":"${'x'.repeat(1_048_576 - JSON_TEXT.length - 8)}`;
    return Buffer.from(`${JSON_TEXT}${before}😀"}\n`);
  }
});
