import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { differs } from '../../analytics/rows';
import { testEach } from '../testSize';

/** A project as the tools make it (https://learn.microsoft.com/azure/stream-analytics/cicd-tools). */
const PROJECT: Record<string, string> = {
  'asaproj.json': JSON.stringify({
    name: 'gate',
    startFile: 'gate.asaql',
    configurations: [
      // Local samples are often not checked in.
      { filePath: 'Inputs/notCheckedIn.json', subType: 'InputMock' },
      { filePath: 'Configuration.json', subType: 'JobConfig' },
      { filePath: 'Functions\\label.js.json', subType: 'JSFunction' },
      { filePath: 'Inputs\\Local_owners.json', subType: 'InputMock' },
    ],
  }),
  'gate.asaql': `SELECT udf.label(e.plate) AS plate, o.name INTO named FROM entry e TIMESTAMP BY e.t JOIN owners o ON e.plate = o.plate
SELECT COUNT(*) AS n INTO counts FROM entry TIMESTAMP BY t GROUP BY TumblingWindow(second, 10)`,
  'Configuration.json':
    '{"EventsLateArrivalMaxDelayInSeconds": 0, "EventsOutOfOrderPolicy": "Drop", "Tags": {}}',
  'Functions/label.js': "function main(text) { return '#' + text; }",
  'Functions/label.js.json': '{"Name": "label", "Type": "Scalar", "ScriptType": "JSFunction"}',
  'Inputs/Local_owners.json':
    '{"InputAlias": "owners", "Type": "Reference data", "Format": "Csv", "FilePath": "owners.csv"}',
  'Inputs/owners.csv': 'plate,name\nA1,Ann\nB2,Bob\n',
  'test/entry.json':
    '\uFEFF[{"plate": "B2", "t": "2026-01-01T00:00:02Z"},\n {"plate": "A1", "t": "2026-01-01T00:00:01Z"}]',
  'test/late.json': `{"plate": "A1", "t": "2026-01-01T00:00:01Z", "EventEnqueuedUtcTime": "2026-01-01T00:00:09Z"}
{"plate": "B2", "t": "2026-01-01T00:00:09Z", "EventEnqueuedUtcTime": "2026-01-01T00:00:09Z"}`,
  'test/named.json': '{"plate": "#A1", "name": "Ann"}\n{"name": "Bob", "plate": "#B2"}\n',
  'test/counts.json': '[{"n": 2.0, "at": "whenever"}]',
  'test/one.json': '[{"n": 1}]',
  'test/wrong.json': '[{"n": 3}]',
};

const input = {
  InputAlias: 'Entry',
  Type: 'Data Stream',
  Format: 'Json',
  FilePath: 'entry.json',
  ScriptType: 'InputMock',
};
const output = (OutputAlias: string, FilePath: string, more = {}): object => ({
  OutputAlias,
  FilePath,
  Required: true,
  ...more,
});
const PASSING = {
  Name: 'all',
  Inputs: [input],
  ExpectedOutputs: [output('named', 'named.json'), output('counts', 'counts.json', { IgnoreFields: ['at'] })],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-cicd-'));
  for (const [file, text] of Object.entries(PROJECT)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

interface Summary {
  Total: number;
  Passed: number;
  Failed: number;
  Script: string;
  Time: string;
  Results: Record<string, unknown>[];
}

async function run(cases: object[]): Promise<{ summary: Summary; junit: string; told: string }> {
  await writeFile(
    join(folder, 'test', 'testConfig.json'),
    JSON.stringify({ Script: 'C:\\gate.asaql', TestCases: cases }),
  );
  const log = vi.spyOn(console, 'log').mockReturnValue();
  const out = join(folder, 'results');
  await main(['test', '-project', join(folder, 'asaproj.json'), '--outputPath', out]);
  return {
    summary: JSON.parse(await readFile(join(out, 'testResultSummary.json'), 'utf8')) as Summary,
    junit: await readFile(join(out, 'testResults.xml'), 'utf8'),
    told: log.mock.calls.flat().join('\n'),
  };
}

describe('asa test', () => {
  test('passes where the rows are the expected ones, in whatever order', async () => {
    const { summary, junit } = await run([PASSING]);
    expect(process.exitCode ?? 0).toBe(0);
    expect(summary).toMatchObject({ Total: 1, Passed: 1, Failed: 0, Script: join(folder, 'gate.asaql') });
    expect(summary.Time).toMatch(/^\d\d:\d\d:\d\d\.\d{7}$/);
    expect(summary.Results[0]).toMatchObject({
      Name: 'all',
      Status: 0,
      OutputMatched: [
        { OutputAlias: 'named', ExpectedOutput: join(folder, 'test', 'named.json') },
        { OutputAlias: 'counts' },
      ],
      OutputNotEqual: [],
      OutputMissing: [],
      OutputUnexpected: [],
      OutputUnrequired: [],
    });
    expect(junit).toContain('tests="1" failures="0"');
  });

  test('keeps the settings of the job', async () => {
    const late = { ...input, FilePath: 'late.json' };
    const expected = [output('counts', 'one.json'), output('named', '[N/A]', { Required: false })];
    const { summary } = await run([{ Name: 'late', Inputs: [late], ExpectedOutputs: expected }]);
    expect(summary.Results[0]).toMatchObject({ Status: 0, OutputUnrequired: [{ ExpectedOutput: '[N/A]' }] });
  });

  testEach<[string, object, string | undefined, string]>(2, [
    [
      'other rows',
      { ExpectedOutputs: [output('named', 'named.json'), output('counts', 'wrong.json')] },
      'OutputNotEqual',
      'counts: expected {"n":3}',
    ],
    [
      'a file that does not exist',
      { ExpectedOutputs: [output('named', 'no.json')] },
      undefined,
      'no.json does not exist',
    ],
    [
      'an output that the query lacks',
      { ExpectedOutputs: [...PASSING.ExpectedOutputs, output('none', 'one.json')] },
      'OutputMissing',
      "the query has no output 'none'",
    ],
    [
      'an output that is not expected',
      { ExpectedOutputs: [output('named', 'named.json')] },
      'OutputUnexpected',
      "the output 'counts' has rows and is not expected",
    ],
    [
      'an input without a file',
      { Inputs: [] },
      undefined,
      "the test case gives no file for the input 'entry'",
    ],
  ])('fails for %s, with exit code 1', async (_, part, record, reason) => {
    const { summary, junit, told } = await run([PASSING, { ...PASSING, Name: '<b> & "c"', ...part }]);
    expect(process.exitCode).toBe(1);
    expect(summary).toMatchObject({
      Total: 2,
      Passed: 1,
      Failed: 1,
      Results: [{ Status: 0 }, { Status: 1 }],
    });
    if (record !== undefined) expect(summary.Results[1]?.[record]).toHaveLength(1);
    expect(told).toContain(reason);
    expect(junit).toContain('name="&lt;b&gt; &amp; &quot;c&quot;"');
    const isError = record === undefined;
    expect(junit).toContain(`tests="2" failures="${isError ? 0 : 1}" errors="${isError ? 1 : 0}"`);
    expect(junit).toContain(`      <${isError ? 'error type="error"' : 'failure type="failure"'} message="`);
  });

  test('reports names of any length and characters', async () => {
    const names = ['tab\t line\r\n', ']]> \ud83d\ude00 \u0000\u001f\ufffe', '\ud800', ' ', '名'.repeat(300)];
    const { junit, summary, told } = await run(names.map((Name) => ({ ...PASSING, Name })));
    expect(summary).toMatchObject({ Total: 5, Passed: 5 });
    for (const name of ['tab&#9; line&#13;&#10;', ']]&gt; \ud83d\ude00 ', '\ufffd', ' ', '名'.repeat(300)])
      expect(junit).toContain(`<testcase name="${name}" classname="`);
    expect(told).toContain('passed  tab  line \n');
  });

  test.each([
    ['a query that is wrong', 'gate.asaql', 'SELECT'],
    ['a broken configuration', 'test/testConfig.json', '{'],
    ['a broken project', 'asaproj.json', '{'],
  ])('leaves no report of an earlier run: %s', async (_, name, text) => {
    vi.spyOn(console, 'error').mockReturnValue();
    await run([PASSING]);
    const before = await readFile(join(folder, name));
    await writeFile(join(folder, name), text);
    const out = join(folder, 'results');
    try {
      await main(['test', '--project', join(folder, 'asaproj.json'), '--outputPath', out]);
    } finally {
      await writeFile(join(folder, name), before);
    }
    expect(process.exitCode).not.toBe(0);
    expect((await readdir(out)).filter((file) => file.startsWith('testResult'))).toEqual([]);
  });

  test('names what is wrong in a test configuration', async () => {
    const error = vi.spyOn(console, 'error').mockReturnValue();
    await run([{ Inputs: [] }]).catch(() => undefined);
    expect(error.mock.lastCall?.[0]).toContain('testConfig.json: TestCases.0.Name');
    expect(process.exitCode).toBe(2);
  });
});

test('rows compare by value: fields in any order, null as missing, each row once', () => {
  expect(differs([{ a: 1, b: null }], [{ a: 1 }], [])).toEqual([]);
  expect(differs([{ a: 1 }, { a: 1 }], [{ a: 1 }], [])).toEqual(['expected {"a":1}']);
  expect(differs([{ a: [{ b: 1, c: 2 }] }], [{ a: [{ c: 2, b: 1 }] }], [])).toEqual([]);
  expect(differs([{ a: '1' }], [{ a: 1 }], [])).toHaveLength(2);
  expect(differs([{ a: 1, T: 2 }], [{ a: 1, T: 3 }], ['t'])).toEqual([]);
});
