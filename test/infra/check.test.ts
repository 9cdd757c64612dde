// @module-tag full

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

  it('finds nothing to say about infra/', () => {
    expect(bicep && checkBicep(bicep, 'infra')).toEqual([]);
  });

  it('minds what Azure does not know, what the linter minds, and what is not formatted', () => {
    cpSync('infra', folder, { recursive: true });
    const change = (file: string, from: string, to: string): void => {
      const path = join(folder, file);
      writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
    };
    change('modules/iotHub.bicep', "minTlsVersion: '1.2'", "minTlsVersion: '1.2'\n    bogus: true");
    change('modules/budget.bicep', 'param email string', 'param email string\nparam unused string = email');
    change('modules/keyVault.bicep', 'param private bool', 'param  private bool');
    const problems = (bicep ? checkBicep(bicep, folder) : []).join('\n');
    expect(problems).toMatch(/iotHub\.bicep\(\d+,\d+\).*"bogus" is not allowed/);
    expect(problems).toMatch(/budget\.bicep\(\d+,\d+\).*no-unused-params/);
    expect(problems).toMatch(/keyVault\.bicep is not formatted/);
  });
});
