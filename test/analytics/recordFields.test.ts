import { expect, test } from 'vitest';
import { openDatabase } from '../../analytics/database';
import { createRecordFields } from '../../analytics/query/recordFields';
import { jsonField } from '../../analytics/query/scope';

const SIMPLE_PATHS = [
  ['event'],
  ['Data'],
  ['Data', 'Price'],
  ['größe'],
  ['a~b/c'],
  ['nested', 'event'],
  ['list', '0'],
  ['list', '0', 'x'],
  ['a'],
];
/** DuckDB cannot read such names at once. */
const PATHS = [...SIMPLE_PATHS, [''], ['EVENT'], ['list'], ['0'], ['-']];

/** What a record may be, with names in other cases, escapes, duplicates, and values that are no records. */
const RECORDS = [
  '{"event":"x","Data":{"Price":1.50,"price":2},"größe":null}',
  '{"EVENT":"x","data":{"PRICE":1},"GRÖSSE":1,"GRÖßE":3}',
  '{"Event":"a","event":"b","event":"c","DATA":1,"Data":{"price":9007199254740993}}',
  '{"\\u0045vent":"x","\\u0044ata":{"pric\\u0065":"\\u00e9"}}',
  '{"event":null,"Event":"y","Data":{"Price":null,"PRICE":4}}',
  '{"a~B/c":1,"":2,"data":[{"Price":1}]}',
  '{"Data":[],"event":{"Event":1}}',
  '{"xevent":1,"event ":2,"Data":"Price"}',
  '{"\\u212Aevent":1,"DATA":{"ＰＲＩＣＥ":1}}',
  '{"nested":{"Event":1},"x":{"event":2}}',
  '{"list":[{"x":1},20],"A":1}',
  '{"list":{"0":{"x":1},"-":3}}',
  '{"q\\u001fa\\u001fq":1,"A":5}',
  '{"q\\u001Fevent\\u001Fq":1,"EVENT":6,"nested":{"\\u001fevent":0,"Event":7}}',
  '{}',
  '[{"event":1}]',
  '"event"',
  '7',
  'null',
];

test.each([
  ['event', [['event']]],
  ['a', [['a']]],
  ['simple', SIMPLE_PATHS],
  ['all', PATHS],
])('fields that are read together are those that are read one by one: %s', async (_, paths) => {
  const { instance, connection } = await openDatabase();
  try {
    await connection.run('CREATE TABLE records (record JSON, "other column" JSON)');
    for (const record of [...RECORDS, null])
      await connection.run('INSERT INTO records VALUES ($record::JSON, $record::JSON)', { record });
    const fields = createRecordFields();
    const read = ['record', '"other column"'].flatMap((column) =>
      paths.map((path) => [fields.read('r', column, path).sql, jsonField(`r.${column}`, path).sql] as const),
    );
    const list = (i: 0 | 1): string => `[${read.map((pair) => pair[i]).join(', ')}]`;
    const rows = await connection.runAndReadAll(
      `SELECT ${list(0)}::VARCHAR, ${list(1)}::VARCHAR FROM ${fields.select('records')} AS r`,
    );
    const [together, alone] = [0, 1].map((i) => rows.getRows().map((row) => row[i]));
    expect(together).toHaveLength(RECORDS.length + 1);
    expect(together).toEqual(alone);
    expect(new Set(together).size).toBeGreaterThan(2);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});
