import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import avro from 'avsc';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { runs } from '../testSize';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

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
  const STAR = 'SELECT * FROM [i]';
  async function rows(content: string | Buffer, name = 'events', query = STAR): Promise<unknown[]> {
    const [events, asaql, output] = [join(folder, name), join(folder, 'q.asaql'), join(folder, 'out.ndjson')];
    await writeFile(events, content);
    await writeFile(asaql, query);
    await main(['--input', events, '--query', asaql, '--output', output]);
    const text = await readFile(output, 'utf8');
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
  }
  const ids = (...all: number[]): object[] => all.map((id) => ({ id }));

  test.each([
    ['lines', '{"id":1}\n\n{"id":2}\r\n  \n{"id":3}', ids(1, 2, 3)],
    ['lines that are no JSON', 'oops\n{"id":1}\n', ids(1)],
    ['an array', '[{"id":1},\n {"id":2}]', ids(1, 2)],
    ['an array in one line', '[{"id":1},{"id":2}]\n', ids(1, 2)],
    ['an array after a byte order mark', '\uFEFF \n[\n{"id":1}\n]', ids(1)],
    ['an array of objects and other values', '[{"id":1},3,[{"id":2}],null,{"id":3}]', ids(1, 2, 3)],
    ['an array with a comma too many in an element', '[{"id":1},\n{"id":2,\r\n},{"id":3}]', ids(1, 3)],
    ['an object over several lines', '{\n"id": 1\n}\n{\n"id": 2\n}\n', ids(1, 2)],
    ['lines after a byte order mark', '\uFEFF{"id":1}\n{"id":2}', ids(1, 2)],
    ['lines that are arrays', '[{"id":1}]\n[{"id":2},{"id":3}]\n', ids(1, 2, 3)],
    ['nothing', '', []],
  ])('may hold %s', async (_, text, expected) => {
    vi.spyOn(console, 'error').mockReturnValue();
    expect(await rows(text)).toEqual(expected);
  });

  test('comes after the files before it, whatever lines those have besides events', async () => {
    const pages = ['a', 'b'].map((name, i) => {
      const lines = Array.from({ length: 5 }, (_, n) => {
        const time = `2026-01-01T00:00:0${1 + n + 4 * i}.000Z`;
        const message = {
          ...{ partitionId: '0', sequenceNumber: n + 4 * i, enqueuedTimeUtc: time, deviceId: 'd' },
          ...{ messageId: null, properties: {}, body: { n: 1 + n + 4 * i } },
        };
        return `${JSON.stringify(message)}\n{"next_offset":"${n}"}\n`;
      });
      return [join(folder, `${name}.ndjson`), lines.slice(0, 4 + i).join('')] as const;
    });
    for (const [file, text] of pages) await writeFile(file, text);
    const [query, output] = [join(folder, 'q.asaql'), join(folder, 'out.ndjson')];
    await writeFile(query, 'SELECT n, System.Timestamp() AS t FROM [i]');
    const inputs = pages.flatMap(([file]) => ['--input', `i=${file}`]);
    const told = vi.spyOn(console, 'error').mockReturnValue();
    await main([...inputs, '--query', query, '--output', output]);
    const rows = (await readFile(output, 'utf8')).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual(
      Array.from({ length: 9 }, (_, n) => ({ n: n + 1, t: `2026-01-01T00:00:0${n + 1}.0000000Z` })),
    );
    expect(told.mock.calls.flat().join('\n')).not.toContain('late');
  });

  test('may be one of many of an input, whose events follow each other', async () => {
    const many = runs(30, 300);
    const files = Array.from({ length: many }, (_, i) => join(folder, `part-${i}.ndjson`));
    // A line that is an array, and one that is no JSON, are read apart from the other lines.
    for (const [i, file] of files.entries())
      await writeFile(file, `{"n":${3 * i}}\n[{"n":${3 * i + 1}}]\noops\n{"n":${3 * i + 2}}\n`);
    const [query, output] = [join(folder, 'q.asaql'), join(folder, 'out.ndjson')];
    await writeFile(query, 'SELECT n, LAG(n) OVER (LIMIT DURATION(minute, 1)) AS b FROM [i]');
    const told = vi.spyOn(console, 'error').mockReturnValue();
    await main([...files.flatMap((file) => ['--input', file]), '--query', query, '--output', output]);
    const rows = (await readFile(output, 'utf8')).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual(
      Array.from({ length: 3 * many }, (_, n) => ({ n, b: n === 0 ? null : n - 1 })),
    );
    expect(told.mock.calls.flat().join('\n')).toContain(`${many} of ${4 * many} events dropped`);
  });

  test('has the metadata of IoT Hub also where CREATE TABLE declares it', async () => {
    const line = { v: 1, IoTHub: { ConnectionDeviceId: 'd1' }, EventEnqueuedUtcTime: '2026-01-01T00:00:00Z' };
    const query =
      "CREATE TABLE i (v bigint, IoTHub record); SELECT v, IoTHub.ConnectionDeviceId AS d, GetMetadataPropertyValue(i, '[IoTHub].[ConnectionDeviceId]') AS m FROM [i]";
    expect(await rows(JSON.stringify(line), 'events', query)).toEqual([{ v: 1, d: 'd1', m: 'd1' }]);
  });

  test('may hold events over several lines, and any characters', async () => {
    const events = [
      { id: 1, n: { '#': '#a' } },
      { id: 2, text: 'quote " comma , \u001e \u001f \n end' },
    ];
    expect(await rows(JSON.stringify(events, null, 2))).toEqual(events);
    expect(await rows(events.map((one) => JSON.stringify(one)).join('\n'))).toEqual(events);
    expect(await rows(JSON.stringify(events, null, 2), 'events', 'SELECT n, text FROM [i]')).toEqual([
      { n: { '#': '#a' }, text: null },
      { n: null, text: events[1]?.text },
    ]);
  });

  test.each([
    ['over several lines, the first longer than the start that is looked at', 2, '\n'],
    ['over several lines, one of which begins at the end of another', 2, ''],
    ['with several in a line', 0, ''],
  ])('may hold objects %s', async (_, indent, between) => {
    const events = [
      { id: 1, list: Array.from({ length: indent * 20_000 }, (_, n) => ({ n, text: '} "' })) },
      { id: 2, list: [{ id: 3 }] },
    ];
    const text = events.map((one) => JSON.stringify(one, null, indent)).join(between);
    expect(await rows(text, 'events', 'SELECT id FROM [i]')).toEqual(ids(1, 2));
  });

  test('is not taken for objects over several lines because of a malformed line', async () => {
    vi.spyOn(console, 'error').mockReturnValue();
    const lines = ['{"id":1,', '{"id":2}', '{"id":3}'];
    expect(await rows(lines.join('\n'))).toEqual(ids(2, 3));
    const many = [...lines, ...ids(...Array(100_000).keys()).map((one) => JSON.stringify(one))];
    expect(await rows(many.join('\n'), 'events', 'SELECT id FROM [i] WHERE id = 2')).toEqual(ids(2, 2));
  });

  test.each([
    ['in a text', '{"id":"x'],
    ['in a text after a comma', '{"id":1,"w":"x'],
    ['after a backslash', '{"id":"x\\'],
    ['in a name', '{"id'],
    ['in a list', '{"id":[1'],
    ['before a list', '{"id":'],
    ['before the first value of a list', '{"id":['],
    ['after a value of a list', '{"id":[{"a":1},{"b":2}'],
    ['after a comma in a list', '{"id":[1,'],
    ['before the first name', '{'],
    ['in a word', '{"id":tru'],
    ['in a list of events', '[{"id":1'],
    ['in a text of a list of events', '[{"id":"x'],
  ])('of lines may begin with one that ends too early: %s', async (_, torn) => {
    vi.spyOn(console, 'error').mockReturnValue();
    expect(await rows(`${torn}\n{"id":2}\n{"id":3}\n`)).toEqual(ids(2, 3));
    expect(await rows(`${torn}\n\n{"id":2,"v":3}\n`, 'events', 'SELECT id FROM [i]')).toEqual(ids(2));
    expect(
      await rows(
        `${torn}\r\n${'{"id":2}\r\n'.repeat(120_000)}`,
        'events',
        'SELECT COUNT(*) AS n FROM [i] GROUP BY TumblingWindow(day, 1)',
      ),
    ).toEqual([{ n: 120_000 }]);
  });

  test.each([
    ['empty lines before the header', '\n\nid,name\n1,a\n', [{ id: '1', name: 'a' }]],
    ['a byte order mark', '\uFEFFid,name\n1,a\n', [{ id: '1', name: 'a' }]],
    ['quotation marks in the header', '"id","a, ""b"""\n1,a\n', [{ id: '1', 'a, "b"': 'a' }]],
    ['a line break in the header', '"i\nd",b\n1,a\n', [{ 'i\nd': '1', b: 'a' }]],
    [
      'names that repeat, or are empty',
      'id,ID,,id\n1,2,3,4\n',
      [{ id: '1', ID_1: '2', column2: '3', id_2: '4' }],
    ],
    ['a header only', 'id,name', []],
    [
      'columns that are called like parts of SQL',
      'one,JSON,Body\n1,2,3\n',
      [{ one: '1', JSON: '2', Body: '3' }],
    ],
    ['a column that is called like the row number', '__seq,rowid\n1,2\n', [{ __seq: '1', rowid: '2' }]],
    ['a number sign', '#id\n#1\n', [{ '#id': '#1' }]],
    ['lines that end with CR', 'id,name\r1,a\r', [{ id: '1', name: 'a' }]],
  ])('may be CSV with %s', async (_, text, expected) => {
    expect(await rows(text, 'events.csv')).toEqual(expected);
  });

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

  test('is queried with texts and names that contain a dollar sign', async () => {
    const lines = [2, 1].map(
      (n) =>
        `{"$watermarks":${n},"t":"2026-01-01T00:00:0${n}Z","EventEnqueuedUtcTime":"2026-01-01T00:00:09Z"}\n`,
    );
    const query = `SELECT '$topic' AS x, 'it''s $from' AS [$to], SUM([$watermarks]) AS [$total] FROM [i] TIMESTAMP BY t
      GROUP BY TumblingWindow(minute, 1)`;
    expect(await rows(lines.join(''), 'events', query)).toEqual([
      { x: '$topic', $to: "it's $from", $total: 3 },
    ]);
  });

  test('may be compressed with gzip, or be CSV', async () => {
    expect(await rows(gzipSync('{"id":1}\n{"id":2}\n'))).toEqual(ids(1, 2));
    expect(await rows('id,name\n1,"a, b"\n2,\n', 'events.csv')).toEqual([
      { id: '1', name: 'a, b' },
      { id: '2', name: null },
    ]);
    expect(await rows(gzipSync('id\n1\n'), 'events.csv.gz')).toEqual([{ id: '1' }]);
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
    expect(await readFile(join(folder, 'out.ndjson'), 'utf8')).toBe('{"d":1.0,"i":7}\n');
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

  test('that is compressed is looked at as far as another one', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue();
    const csv = `id,${'a'.repeat(2 * 1_048_576)}\n1,2\n`;
    for (const [name, content] of [
      ['events.csv', csv],
      ['events.csv.gz', gzipSync(csv)],
    ] as const) {
      await rows(content, name).catch(() => undefined);
      expect(told.mock.lastCall?.[0]).toContain(`${name}: the header is longer than 1 MiB`);
    }
  });

  test('of another format is an error', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue();
    await rows('id,name\n1,a\n2,b\n').catch(() => undefined);
    expect(told.mock.lastCall?.[0]).toContain('none of its 3 rows is a JSON object');
    expect(process.exitCode).toBe(2);
  });

  test('with other types than CREATE TABLE declares is an error', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue();
    const query = 'CREATE TABLE i (id bigint) SELECT id FROM i';
    await rows('{"id":"x"}\n{"id":{}}\n', 'events', query).catch(() => undefined);
    expect(told.mock.lastCall?.[0]).toContain('none of its 2 rows is a JSON object that fits CREATE TABLE');
    expect(process.exitCode).toBe(2);
  });

  test.each([
    ['an array with a comma too many', '[{"id":1},]', 'the JSON is malformed'],
    ['an array without its end', '[{"id":1},\n{"id":', 'the JSON is malformed'],
    ['a text that is not UTF-8', Buffer.from('{"id":"\xff"}\n', 'latin1'), 'the file is not UTF-8'],
    [
      'a line above 16 MiB',
      Buffer.concat([Buffer.from('{"id":"'), Buffer.alloc(17 * 1_048_576, 'x'), Buffer.from('"}\n')]),
      'a line is longer than 16 MiB',
    ],
    [
      'a value far above 16 MiB',
      Buffer.concat([Buffer.from('[{"id":"'), Buffer.alloc(40 * 1_048_576, 'x'), Buffer.from('"}]\n')]),
      'a value is larger than 16 MiB',
    ],
  ])('that cannot be read is an error of the file: %s', async (_, content, told) => {
    const errors = vi.spyOn(console, 'error').mockReturnValue();
    await rows(content).catch(() => undefined);
    expect(errors.mock.lastCall?.[0]).toMatch(new RegExp(`${join(folder, 'events')}: ${told}$`));
    expect(process.exitCode).toBe(2);
  });

  test.each([
    ['[{"id":1},]', 'the JSON is malformed'],
    ['1\n2\n', 'none of its rows is a JSON object'],
  ])('of reference data that cannot be read is an error of the file: %j', async (content, meaning) => {
    const errors = vi.spyOn(console, 'error').mockReturnValue();
    const [events, names, asaql] = ['events', 'names', 'q.asaql'].map((name) => join(folder, name));
    await writeFile(String(events), '{"id":1}\n');
    await writeFile(String(names), content);
    await writeFile(String(asaql), 'SELECT r.id FROM i JOIN r ON i.id = r.id');
    const files = ['--input', `i=${events}`, '--reference', `r=${names}`];
    await main([...files, '--query', String(asaql), '--output', join(folder, 'out.ndjson')]);
    expect(errors.mock.lastCall?.[0]).toBe(`error: ${names}: ${meaning}`);
    expect(process.exitCode).toBe(2);
  });

  test('may hold messages of the feed, whose last line is none', async () => {
    const message = {
      ...{ partitionId: '3', sequenceNumber: 0, enqueuedTimeUtc: '2026-01-01T01:00:00.123456+01:00' },
      ...{ deviceId: 'd', messageId: null, properties: { a: 'b' } },
    };
    const text = [
      { ...message, body: { id: 1 } },
      { next_offset: 'x', more: 1 },
    ];
    const query = `SELECT id, PartitionId AS p, System.Timestamp() AS t, i.IoTHub.ConnectionDeviceId AS d, i.IoTHub.MessageId AS m,
      GetMetadataPropertyValue(i, '[User].[a]') AS a FROM [i]`;
    const expected = [{ id: 1, p: 3, t: '2026-01-01T00:00:00.1234560Z', d: 'd', m: null, a: 'b' }];
    const forms = {
      lines: text.map((line) => JSON.stringify(line)).join('\n'),
      'objects over several lines': text.map((line) => JSON.stringify(line, null, 2)).join('\n'),
      array: JSON.stringify(text),
      'array over several lines': JSON.stringify(text, null, 2),
      'array with the body first': JSON.stringify([{ body: { id: 1, quoted: '}"' }, ...message }], null, 2),
    };
    for (const [form, content] of Object.entries(forms))
      expect({ [form]: await rows(content, 'events', query) }).toEqual({ [form]: expected });
  });

  test.each(['{"partitionId":"3","body":{"id":0', 'eId":"d","body":{"id":0}}', '{"body":{"id":"x'])(
    'may hold messages of the feed after a line that is not whole: %s',
    async (torn) => {
      vi.spyOn(console, 'error').mockReturnValue();
      const enqueuedTimeUtc = '2026-01-01T00:00:00Z';
      const message = {
        partitionId: '3',
        sequenceNumber: 0,
        enqueuedTimeUtc,
        deviceId: 'd',
        body: { id: 1 },
      };
      expect(await rows(`${torn}\n${JSON.stringify(message)}\n`, 'events', 'SELECT id FROM [i]')).toEqual(
        ids(1),
      );
    },
  );

  test('holds payloads if the fields of the feed are below the top level', async () => {
    const payload = {
      id: 1,
      message: { partitionId: '3', sequenceNumber: 0, enqueuedTimeUtc: '', body: {} },
    };
    expect(await rows(JSON.stringify(payload), 'events', 'SELECT id FROM [i]')).toEqual([{ id: 1 }]);
  });

  // https://learn.microsoft.com/azure/stream-analytics/stream-analytics-define-inputs#configure-iot-hub-as-a-data-stream-input
  test('may hold samples with the metadata of IoT Hub, also without the time of arrival', async () => {
    const IoTHub = {
      MessageId: 'm',
      CorrelationId: 'c',
      ConnectionDeviceId: 'd',
      ConnectionDeviceGenerationId: 'g',
    };
    const lines = [
      { id: 1, EventEnqueuedUtcTime: '2026-01-01T00:00:00.5Z', PartitionId: 2, IoTHub },
      { id: 2, EventEnqueuedUtcTime: '2026-01-01T00:00:01Z' },
      { id: 3, IoTHub },
    ];
    const query = `SELECT id, i.PartitionId AS p, i.IoTHub.MessageId AS m, i.IoTHub.ConnectionDeviceId AS d FROM [i]`;
    expect(await rows(lines.map((line) => JSON.stringify(line)).join('\n'), 'events', query)).toEqual([
      { id: 1, p: 2, m: 'm', d: 'd' },
      { id: 2, p: null, m: null, d: null },
      { id: 3, p: null, m: 'm', d: 'd' },
    ]);
  });

  test.each([
    ['JSON lines', (one: object) => JSON.stringify(one), 'events'],
    ['an array', (one: object) => JSON.stringify([one]), 'events'],
    ['gzip', (one: object) => gzipSync(JSON.stringify(one)), 'events.gz'],
    [
      'CSV',
      (one: object) => `${Object.keys(one).join(',')}\n${Object.values(one).map(String).join(',')}\n`,
      'other.csv',
    ],
  ])('has the metadata of IoT Hub under names in any case, in %s', async (_, write, name) => {
    const line = { v: 1, EVENTENQUEUEDUTCTIME: '2026-01-01T00:00:01Z', partitionid: 2 };
    const nested = name.endsWith('csv') ? {} : { iothub: { connectiondeviceid: 'd' } };
    const query = `CREATE TABLE i (v bigint, PARTITIONID bigint); SELECT v, partitionId AS p, eventEnqueuedUtcTime AS e, [ioThub].[ConnectionDeviceID] AS d,
      GetMetadataPropertyValue(i, 'iothub.CONNECTIONdeviceid') AS m, System.Timestamp() AS t FROM [i] TIMESTAMP BY eventenqueuedutctime`;
    const time = '2026-01-01T00:00:01.0000000Z';
    const d = name.endsWith('csv') ? null : 'd';
    const file = write({ ...line, ...nested });
    expect(await rows(file, name, query)).toEqual([{ v: 1, p: 2, e: time, d, m: d, t: time }]);
    const arrival = 'SELECT System.Timestamp() AS t FROM [i]';
    expect(await rows(file, name, arrival)).toEqual([{ t: time }]);
  });
});
