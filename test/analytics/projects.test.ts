/** Runs and tests projects as others keep them, from asaproj.json to the rows. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-projects-'));
});
afterEach(async () => {
  process.exitCode = 0;
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

async function write(files: Readonly<Record<string, string | object | Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    const isText = typeof content === 'string' || Buffer.isBuffer(content);
    await writeFile(join(folder, name), isText ? content : JSON.stringify(content));
  }
}

/** @returns what the command prints; a path within the folder begins with `@` */
async function asa(command: string): Promise<{ told: string; code: unknown }> {
  const spies = [vi.spyOn(console, 'error').mockReturnValue(), vi.spyOn(console, 'log').mockReturnValue()];
  await main(command.split(' ').map((word) => word.replace('@', `${folder}/`)));
  const told = spies.flatMap((one) => one.mock.calls.flat()).join('\n');
  vi.restoreAllMocks();
  return { told: told.replaceAll(`${folder}/`, '@'), code: process.exitCode ?? 0 };
}

async function rows(): Promise<unknown[]> {
  const text = await readFile(join(folder, 'rows.ndjson'), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
}

const project = (...configurations: [filePath: string, subType: string][]): object => ({
  name: 'p',
  startFile: 'p.asaql',
  configurations: configurations.map(([filePath, subType]) => ({ filePath, subType })),
});
const RUN = 'run --query @p.asaql --output @rows.ndjson';
const JSON_INPUT = { Name: 'i', Type: 'Data Stream', Serialization: { Type: 'Json', Encoding: 'UTF8' } };

describe('asa run beside asaproj.json', () => {
  test('reads the local inputs, the settings and the functions of the project', async () => {
    await write({
      'asaproj.json': project(
        ['Inputs/Local_i.json', 'InputMock'],
        ['Inputs/Local_names.json', 'InputMock'],
        ['Inputs/live.json', 'Input'],
        ['Configuration.json', 'JobConfig'],
        ['Functions/twice.js.json', 'JSFunction'],
      ),
      'p.asaql': `\uFEFFSELECT udf.twice(i.n) AS n, names.name INTO o FROM i TIMESTAMP BY i.t JOIN names ON i.k = names.k`,
      'Configuration.json': { EventsLateArrivalMaxDelayInSeconds: 1, EventsOutOfOrderPolicy: 'Drop' },
      'Functions/twice.js': 'function main(n) { return 2 * n; }',
      'Inputs/Local_i.json': { ...JSON_INPUT, FilePath: '..\\Data\\EVENTS.json' },
      'Inputs/Local_names.json': {
        InputAlias: 'Names',
        Type: 'Reference data',
        Serialization: { Type: 'CSV', FieldDelimiter: ';' },
        FilePath: 'names',
      },
      'Inputs/live.json': { Name: 'i', DataSourceType: 'Event Hub' },
      // The header has more commas than semicolons.
      'Inputs/names': 'k;name;a,b,c\nx;one, two;0\n',
      'data/events.json': [
        { n: 1, k: 'x', t: '2026-01-01T00:00:00Z', EventEnqueuedUtcTime: '2026-01-01T00:00:00Z' },
        { n: 2, k: 'x', t: '2026-01-01T00:00:02Z', EventEnqueuedUtcTime: '2026-01-01T00:00:05Z' },
      ],
    });
    const { told } = await asa(RUN);
    expect(await rows()).toEqual([{ n: 2, name: 'one, two' }]);
    expect(told).toContain('@data/events.json: 1 of 2 events dropped: later than the tolerance');
    expect(told).not.toContain('moved');
  });

  test('prefers the files of the command, also to local inputs that cannot be read', async () => {
    await write({
      'asaproj.json': project(['Local_i.json', 'InputMock']),
      'p.asaql': 'SELECT n INTO o FROM i',
      'Local_i.json': { ...JSON_INPUT, FilePath: 'none.json' },
      'own.json': '{"n":1}',
    });
    expect(await asa(`${RUN} --input @own.json`)).toEqual({ told: '', code: 0 });
    expect(await rows()).toEqual([{ n: 1 }]);
  });

  test.each<[string, Readonly<Record<string, string | object | Buffer>>, string]>([
    ['without local data', {}, "the query reads 'i': give its file with --input"],
    [
      'with data in a format of its own',
      { 'Local_i.json': { ...JSON_INPUT, Serialization: { Type: 'CustomClr' }, FilePath: 'e' }, e: '{}' },
      "the local data of the input 'i' has the format customclr: it can be JSON, CSV or Avro",
    ],
    [
      'with a path of another machine',
      { 'Local_i.json': { ...JSON_INPUT, FilePath: 'D:\\data\\e.json' } },
      'D:\\data\\e.json does not exist',
    ],
    [
      'with a path pattern',
      { 'Local_i.json': { ...JSON_INPUT, FilePath: 'data/{date}/e.json' } },
      '@data/{date}/e.json is a path pattern, and only the live job chooses snapshots by date and time: give the file of one snapshot',
    ],
    [
      'with a folder as data',
      { 'Local_i.json': { ...JSON_INPUT, FilePath: 'd' }, 'd/e': '' },
      '@d is a folder',
    ],
    [
      'with JSON as CSV',
      { 'Local_i.json': { InputAlias: 'i', Format: 'Csv', FilePath: 'e' }, e: '{"n":1}' },
      '@e: the file is JSON, but its format is CSV',
    ],
    [
      'in UTF-16',
      { 'asaproj.json': Buffer.from(`\uFEFF${JSON.stringify(project())}`, 'utf16le') },
      '@asaproj.json is not a text in UTF-8',
    ],
    [
      'without its settings',
      { 'asaproj.json': project(['None.json', 'JobConfig'], ['Local_i.json', 'InputMock']) },
      '@None.json does not exist',
    ],
  ])('says what is wrong in a project %s', async (_, files, told) => {
    await write({
      'asaproj.json': project(['Local_i.json', 'InputMock']),
      'p.asaql': 'SELECT n INTO o FROM i',
      ...('asaproj.json' in files && !Buffer.isBuffer(files['asaproj.json'])
        ? { 'Local_i.json': { ...JSON_INPUT, FilePath: 'e.json' }, 'e.json': '{"n":1}' }
        : {}),
      ...files,
    });
    expect(await asa(RUN)).toEqual({ told: `error: ${told}`, code: 2 });
  });

  // https://learn.microsoft.com/azure/stream-analytics/stream-analytics-compatibility-level
  test('tells of another compatibility level', async () => {
    await write({
      'asaproj.json': project(['Local_i.json', 'InputMock'], ['JobConfig.json', 'JobConfig']),
      'p.asaql': 'SELECT n INTO o FROM i',
      'Local_i.json': { ...JSON_INPUT, FilePath: 'e.json' },
      'e.json': '{"n":true}',
      'JobConfig.json': { CompatibilityLevel: '1.1' },
    });
    const { told, code } = await asa(RUN);
    expect(told).toContain('the job has the compatibility level 1.1');
    expect(code).toBe(0);
    expect(await rows()).toEqual([{ n: true }]);
  });
});

describe('asa test', () => {
  const TEST = 'test --outputPath @results --testConfigPath @test/testConfig.json --project';
  const testConfig = (Inputs: object[]): object => ({
    Script: 'C:\\p.asaql',
    TestCases: [{ Name: 'c', Inputs, ExpectedOutputs: [{ OutputAlias: 'o', FilePath: 'o.json' }] }],
  });

  test('reads local data as CSV where the project or the case says so', async () => {
    await write({
      'asaproj.json': project(['Local_r.json', 'InputMock']),
      'p.asaql': '\uFEFFSELECT i.k, r.v INTO o FROM i JOIN r ON i.k = r.k',
      'Local_r.json': { InputAlias: 'r', Type: 'Reference data', Format: 'CSV', FilePath: 'r.txt' },
      'r.txt': 'k,v\na,1\n',
      'test/testConfig.json': testConfig([{ InputAlias: 'i', Format: 'csv', FilePath: 'i.txt' }]),
      'test/i.txt': 'k\na\nb\n',
      'test/o.json': '{"k":"a","v":"1"}',
    });
    expect(await asa(`${TEST} @asaproj.json`)).toEqual({
      told: 'passed  c\n1 of 1 test cases passed',
      code: 0,
    });
  });

  test('follows the paths of a Visual Studio project, whatever its characters', async () => {
    await write({
      'p.asaproj': `<Project><ItemGroup><Script Include="Q&amp;A.asaql" /></ItemGroup><ItemGroup>
        <!-- <Configure Include="old.json"><SubType>JobConfig</SubType></Configure> -->
        <Configure Include="Inputs\\i %281%29.json"><SubType>InputMock</SubType></Configure></ItemGroup></Project>`,
      'q&a.asaql': 'SELECT k INTO o FROM i',
      'inputs/i (1).json': { InputAlias: 'i', Format: 'Json', FilePath: 'e.json' },
      'inputs/e.json': '{"k":1}',
      'test/testConfig.json': testConfig([]),
      'test/o.json': '[{"k":1}]',
    });
    expect((await asa(`${TEST} @p.asaproj`)).told).toContain('1 of 1 test cases passed');
  });

  test('says that an expected file is not in UTF-8', async () => {
    await write({
      'asaproj.json': project(),
      'p.asaql': 'SELECT k INTO o FROM i',
      'test/testConfig.json': testConfig([{ InputAlias: 'i', FilePath: 'i.json' }]),
      'test/i.json': '{"k":1}',
      'test/o.json': Buffer.from('\uFEFF{"k":1}', 'utf16le'),
    });
    const { told, code } = await asa(`${TEST} @asaproj.json`);
    expect(told).toContain('@test/o.json is not a text in UTF-8');
    expect(code).toBe(1);
  });
});
