import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectPackage } from '../../infra/check/deployPackage';

describe('the package that is deployed', () => {
  it('is host.json, package.json and dist/, small, with nothing secret or local', () => {
    const { files, zippedBytes, problems } = inspectPackage(process.cwd());
    expect(problems).toEqual([]);
    expect(new Set(files.map((file) => file.split('/')[0]))).toEqual(
      new Set(['host.json', 'package.json', 'dist']),
    );
    expect(zippedBytes).toBeLessThan(5 * 1024 * 1024);
  });

  describe('of a project with something in it that should stay', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'hubfront-package-'));
      for (const file of ['.funcignore', 'host.json', 'package.json']) cpSync(file, join(folder, file));
      write('dist/app.js', '"use strict";');
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));
    const write = (file: string, text: string): void => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    };
    const problems = (): string[] => inspectPackage(folder).problems;

    it('leaves settings, sources and tools behind', () => {
      for (const file of [
        'local.settings.json',
        '.env',
        '.azure/dev/.env',
        'src/app.ts',
        'node_modules/a/index.js',
      ]) {
        write(file, 'SharedAccessKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0');
      }
      expect(inspectPackage(folder)).toMatchObject({
        files: ['dist/app.js', 'host.json', 'package.json'],
        problems: [],
      });
    });

    it('notices a .funcignore that lets more through', () => {
      write('.funcignore', 'src\n');
      write('local.settings.json', '{}');
      expect(problems()).toContain('local.settings.json does not belong in the package');
    });

    it('notices a .funcignore that azd refuses without a remote build, or that Core Tools reads otherwise', () => {
      const whitelist = readFileSync('.funcignore', 'utf8').replace(/^!.*node_module.*$/m, '');
      write('.funcignore', whitelist);
      expect(problems()).toEqual([expect.stringMatching(/azd refuses without a remote build/)]);
      write('.funcignore', `${whitelist}\n!/node_modules\n`);
      expect(problems()).toEqual([
        expect.stringMatching(/Core Tools upload node_modules, because of !\/node_modules/),
      ]);
    });

    it.each([
      ['dist/dev.pem', '', 'dist/dev.pem does not belong in the package'],
      [
        'dist/app.js',
        "'SharedAccessKey=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0'",
        'dist/app.js holds a shared access key',
      ],
      [
        'dist/app.js',
        "'SharedAccessKey=c2VjcmV0LXNl\\\nY3JldC1zZWNyZXQtc2VjcmV0'",
        'dist/app.js holds a shared access key',
      ],
      ['dist/app.js', "'postgres://reader:pass@db.example/shop'", "dist/app.js holds a database's password"],
    ])('notices %s with %s', (file, text, problem) => {
      write(file, text);
      expect(problems()).toEqual([problem]);
    });

    it('notices paths of this machine, what is missing, and what is too large', () => {
      write('dist/app.js', `// ${folder}/src/app.ts`);
      expect(problems()).toEqual(['dist/app.js contains the path of a folder on this machine']);
      rmSync(join(folder, 'dist/app.js'));
      expect(problems()).toEqual(['dist/app.js is missing']);
      write('dist/app.js', randomBytes(5_500_000).toString('latin1'));
      expect(problems().join()).toMatch(/^the package is \d\.\d\d MB zipped, more than 5\.00 MB$/);
    });
  });
});
