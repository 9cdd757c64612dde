import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readArguments } from '../../infra/hooks';
import { fullAfter } from '../testSize';

describe('npm run infra:hook', () => {
  const run = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, ['local/launch.mjs', 'infra:hook', ...args], {
      encoding: 'utf8',
      env: { PATH: '/nonexistent', HOME: process.env.HOME, AZURE_ENV_NAME: 'test' },
    });

  /** PowerShell removes `--` from the arguments of a native command. */
  const npm = (...args: string[]): { stdout: string; stderr: string } =>
    spawnSync('npm', ['run', '--silent', ...args], {
      encoding: 'utf8',
      // No azd, az or login: a hook that asks Azure for anything ends with an error.
      env: {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
        HOME: process.env.HOME,
        SERVICE_API_NAME: 'x',
      },
      shell: process.platform === 'win32',
    });

  const COMMANDS = [
    ['infra:hook', '--', 'preprovision', '--what-if'],
    ['infra:hook', 'preprovision', '--what-if'],
    ['infra:what-if', 'preprovision'],
    ['infra:what-if', '--', 'preprovision'],
  ];
  for (const [at, args] of COMMANDS.entries())
    it(`npm run ${args.join(' ')} changes nothing`, fullAfter(1, at), () => {
      expect(npm(...args).stdout).toBe('What-if: nothing will be changed.\n');
    });

  it('without --what-if, says nothing of the kind', () => {
    expect(npm('infra:hook', '--', 'preprovision').stdout).toBe('');
  });

  it.each([
    [['postdeploy', 'what-if'], /Unexpected arguments: what-if/],
    [['postdeploy', '-WhatIf'], /-WhatIf is unknown/],
    [['postdeploy', '--whatif'], /--whatif is unknown/],
    [['postdeploy', '--what-if=true'], /--what-if=true is unknown/],
  ])('runs nothing for %j', (argv, says) => {
    expect(() => readArguments(argv, {})).toThrow(says);
  });

  it('names the hooks that there are', () => {
    const { status, stderr } = run('postprovsion');
    expect(status).toBe(1);
    expect(stderr.trim()).toBe('There is no hook postprovsion: use preprovision, postprovision, postdeploy.');
  });

  it('says that a login is missing, without a stack', () => {
    const { status, stderr } = run('preprovision', '--what-if');
    expect(status).toBe(1);
    expect(stderr.trim()).toBe(
      'You are not logged in to https://analysis.windows.net/powerbi/api: run azd auth login, or az login.',
    );
  });

  it('is what azure.yaml calls', () => {
    const yaml = readFileSync('azure.yaml', 'utf8');
    const called = [...yaml.matchAll(/infra:hook -- (\w+)/g)].map(([, hook]) => hook);
    expect([...new Set(called)]).toEqual(['preprovision', 'postprovision', 'postdeploy']);
    expect(readdirSync('infra')).toContain('main.bicep');
  });
});
