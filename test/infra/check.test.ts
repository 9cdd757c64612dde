import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBicep } from '../../infra/check';
import { WHY_SKIPPED, bicep } from './snapshot';

describe.skipIf(!bicep)(`npm run infra:check${WHY_SKIPPED}`, () => {
  let folder: string;
  beforeAll(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'hubfront-check-')), 'infra');
  });
  afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  const check = (file?: string, from = '', to = ''): string[] => {
    cpSync('infra', folder, { recursive: true });
    if (file !== undefined) {
      const path = join(folder, file);
      writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
    }
    return bicep ? checkBicep(bicep, folder) : [];
  };

  it('finds nothing to say about infra/', () => {
    expect(check()).toEqual([]);
  });

  it('takes a property that Azure does not know for an error', () => {
    const problems = check(
      'modules/iotHub.bicep',
      "minTlsVersion: '1.2'",
      "minTlsVersion: '1.2'\n    bogus: true",
    );
    expect(problems.join('\n')).toMatch(/iotHub\.bicep\(\d+,\d+\).*"bogus" is not allowed/);
  });

  it('takes what the linter minds for an error', () => {
    const problems = check(
      'modules/budget.bicep',
      'param email string',
      'param email string\nparam unused string = email',
    );
    expect(problems.join('\n')).toMatch(/budget\.bicep\(\d+,\d+\).*no-unused-params/);
  });

  it('names a file that is not formatted', () => {
    expect(check('modules/budget.bicep', 'param email string', 'param  email string').join('\n')).toMatch(
      /budget\.bicep is not formatted/,
    );
  });
});
