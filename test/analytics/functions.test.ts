import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSandboxedFunction } from '../../analytics/functions/sandbox';
import { partsOf, readProject } from '../../analytics/project';

const scalar = (script: string): ReturnType<typeof createSandboxedFunction> =>
  createSandboxedFunction('f', 'scalar', script);

describe('a JavaScript function of a job', () => {
  const MEMORY_EATER = 'function f() { const all = []; for (;;) all.push(new Uint8Array(1e6)); }';
  const FAILURES = [
    ['needs more memory than it may have', MEMORY_EATER],
    ['never ends in a regular expression', 'function f() { return /^(a+)+$/.test("a".repeat(40) + "b"); }'],
    ['recurses without an end', 'function f() { return f(); }'],
    ['throws', "function f() { throw new RangeError('no'); }"],
    ['throws no error', "function f() { throw 'no'; }"],
    ['returns a function', 'function f() { return () => 1; }'],
    ['returns a bigint of JavaScript', 'function f() { return 1n; }'],
  ] as const;
  const SLOW_FAILURES = 2;
  test.each(FAILURES.slice(0, SLOW_FAILURES))(
    'that %s fails, and the next call works',
    { tags: 'full' },
    fails,
  );
  test.each(FAILURES.slice(SLOW_FAILURES))('that %s fails, and the next call works', fails);
  async function fails(_: string, script: string): Promise<void> {
    const failing = await scalar(script);
    expect(() => failing.call('[]', '')).toThrow();
    const other = await scalar('function f(x) { return x + 1; }');
    expect(other.call('[1]', 'v')).toBe('2');
  }

  test.each([
    'process',
    'require',
    'fetch',
    'setTimeout',
    'globalThis.process',
    'this.constructor.constructor("return process")()',
  ])('does not reach %s', async (name) => {
    const one = await scalar(`function f() { return typeof ${name}; }`);
    let result: string | null;
    try {
      result = one.call('[]', '');
    } catch {
      result = '"undefined"';
    }
    expect(result).toBe('"undefined"');
  });

  test('whose script does not run, or has no function, is refused', async () => {
    await expect(scalar('function f( {')).rejects.toThrow('SyntaxError');
    await expect(scalar('const x = 1;')).rejects.toThrow('defines no function');
    await expect(scalar('for (;;);')).rejects.toThrow('takes longer than 1 s');
  });

  test('converts dates both ways, and undefined to null', async () => {
    const later = await scalar('function f(d, n) { return n === 0 ? undefined : new Date(+d + n); }');
    expect(later.call('["2026-01-01T00:00:00.0000000Z", 1500]', 'dv')).toBe(
      String.raw`"2026-01-01T00:00:01.5000000\u005a"`,
    );
    expect(later.call('["2026-01-01T00:00:00.0000000Z", 0]', 'dv')).toBeNull();
  });
});

describe('the functions of a project', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'asa-project-'));
    await mkdir(join(folder, 'Functions'));
    await mkdir(join(folder, 'Inputs'));
    await writeFile(join(folder, 'Functions', 'twice.js'), 'function main(x) { return 2 * x; }');
    await writeFile(join(folder, 'Functions', 'twice.js.json'), '{"Name": "twice"}');
    await writeFile(
      join(folder, 'Inputs', 'Local_a.json'),
      '\uFEFF{"InputAlias": "a", "Type": "Data Stream", "FilePath": "..\\\\data\\\\a.json"}',
    );
    await writeFile(
      join(folder, 'Inputs', 'Local_b.json'),
      '{"Name": "b", "Type": "Reference data", "DataSourceType": "Local Input", "FilePath": "b.csv"}',
    );
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('are those of asaproj.json, whose paths may be of Windows', async () => {
    const file = join(folder, 'asaproj.json');
    const configurations = ['Functions\\twice.js.json', 'Inputs\\Local_a.json', 'Inputs/Local_b.json'].map(
      (filePath, i) => ({ filePath, subType: i === 0 ? 'JSFunction' : 'InputMock' }),
    );
    await writeFile(file, JSON.stringify({ name: 'p', startFile: 'p.asaql', configurations }));
    const project = readProject(file);
    expect(project.queryFile).toBe(join(folder, 'p.asaql'));
    expect([...project.functions.keys()]).toEqual(['twice']);
    expect(project.localInputs).toMatchObject([
      { alias: 'a', file: join(folder, 'data', 'a.json') },
      { alias: 'b', file: join(folder, 'Inputs', 'b.csv') },
    ]);
    expect([...partsOf(join(folder, 'p.asaql')).functions.keys()]).toEqual(['twice']);
  });

  test('are those of a Visual Studio project', async () => {
    const file = join(folder, 'p.asaproj');
    await writeFile(
      file,
      `\uFEFF<Project><ItemGroup><Script Include="p.asaql" /></ItemGroup><ItemGroup>
        <Configure Include="Inputs\\Local_a.json">
          <SubType>InputMock</SubType></Configure></ItemGroup></Project>`,
    );
    const project = readProject(file);
    expect(project.queryFile).toBe(join(folder, 'p.asaql'));
    expect(project.localInputs.map(({ alias }) => alias)).toEqual(['a']);
    expect([...project.functions.keys()]).toEqual(['twice']);
  });

  test('are named when a file is wrong', async () => {
    const file = join(folder, 'asaproj.json');
    await writeFile(file, '{"configurations": []}');
    expect(() => readProject(file)).toThrow(`${file}: startFile`);
    await writeFile(file, '{');
    expect(() => readProject(file)).toThrow(`${file} is not valid JSON`);
  });
});
