import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { runs, testEach } from '../testSize';
import { eventFiles, ids } from './eventFiles';

const { inFolder, rows } = eventFiles();

describe('a file of events', () => {
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

  test('may be one of many of an input, whose events follow each other', async () => {
    const many = runs(10, 300);
    const files = Array.from({ length: many }, (_, i) => inFolder(`part-${i}.ndjson`));
    // A line that is an array, and one that is no JSON, are read apart from the other lines.
    for (const [i, file] of files.entries())
      await writeFile(file, `{"n":${3 * i}}\n[{"n":${3 * i + 1}}]\noops\n{"n":${3 * i + 2}}\n`);
    const [query, output] = [inFolder('q.asaql'), inFolder('out.ndjson')];
    await writeFile(query, 'SELECT n, LAG(n) OVER (LIMIT DURATION(minute, 1)) AS b FROM [i]');
    const told = vi.spyOn(console, 'error').mockReturnValue();
    await main([...files.flatMap((file) => ['--input', file]), '--query', query, '--output', output]);
    const rows = (await readFile(output, 'utf8')).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual(
      Array.from({ length: 3 * many }, (_, n) => ({ n, b: n === 0 ? null : n - 1 })),
    );
    expect(told.mock.calls.flat().join('\n')).toContain(`${many} of ${4 * many} events dropped`);
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

  const TORN: [string, string][] = [
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
  ];
  test.each(TORN)('of lines may begin with one that ends too early: %s', async (_, torn) => {
    vi.spyOn(console, 'error').mockReturnValue();
    expect(await rows(`${torn}\n{"id":2}\n{"id":3}\n`)).toEqual(ids(2, 3));
  });
  testEach(2, TORN)('of many or empty lines may begin with one that ends too early: %s', async (_, torn) => {
    vi.spyOn(console, 'error').mockReturnValue();
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
    expect(told.mock.lastCall?.[0]).toContain('none of its rows is a JSON object');
    expect(process.exitCode).toBe(2);
  });

  test('with other types than CREATE TABLE declares is an error', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue();
    const query = 'CREATE TABLE i (id bigint) SELECT id FROM i';
    await rows('{"id":"x"}\n{"id":{}}\n', 'events', query).catch(() => undefined);
    expect(told.mock.lastCall?.[0]).toContain('none of its rows is a JSON object that fits CREATE TABLE');
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
    expect(errors.mock.lastCall?.[0]).toMatch(new RegExp(`${inFolder('events')}: ${told}$`));
    expect(process.exitCode).toBe(2);
  });

  test.each([
    ['[{"id":1},]', 'the JSON is malformed'],
    [
      '1\n2\n',
      'none of its rows is a JSON object; if it is CSV, name it .csv, pass --csv @, or set its format in the project',
    ],
  ])('of reference data that cannot be read is an error of the file: %j', async (content, meaning) => {
    const errors = vi.spyOn(console, 'error').mockReturnValue();
    const [events, names, asaql] = ['events', 'names', 'q.asaql'].map((name) => inFolder(name));
    await writeFile(String(events), '{"id":1}\n');
    await writeFile(String(names), content);
    await writeFile(String(asaql), 'SELECT r.id FROM i JOIN r ON i.id = r.id');
    const files = ['--input', `i=${events}`, '--reference', `r=${names}`];
    await main([...files, '--query', String(asaql), '--output', inFolder('out.ndjson')]);
    expect(errors.mock.lastCall?.[0]).toBe(`error: ${names}: ${meaning.replace('@', String(names))}`);
    expect(process.exitCode).toBe(2);
  });
});
