import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runHook } from '../../infra/hooks';
import { azdContext } from '../../infra/hooks/context';
import { type FakeAzure, provisioned, startFakeAzure } from './fakeAzure';

/** azd, as far as the hooks call it: gives tokens, and notes what it is called with. */
const FAKE_AZD = `#!/bin/sh
echo "$*" >>"$AZD_CALLS"
[ "$1" = auth ] && echo '{"token": "test-token"}'
exit 0
`;

let azure: FakeAzure;
let folder: string;
beforeEach(async () => {
  azure = await startFakeAzure();
  folder = mkdtempSync(join(tmpdir(), 'hubfront-azd-'));
  writeFileSync(join(folder, 'azd'), FAKE_AZD);
  chmodSync(join(folder, 'azd'), 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env.PATH ?? ''}`);
  vi.stubEnv('AZD_CALLS', join(folder, 'calls'));
  vi.stubEnv('AZURE_ENV_NAME', 'shop');
  vi.stubEnv('AZURE_SUBSCRIPTION_ID', 'sub');
  vi.stubEnv('AZURE_LOCATION', 'westeurope');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
  await azure.close();
});
/** The hooks look at the job again at once, and not after seconds. */
const context = (whatIf: boolean) => ({ ...azdContext(whatIf, azure.endpoints), pollMs: 10 });
const calls = (): string[] => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

it('takes tokens from azd, one for each service, and keeps values in the environment that it runs for', async () => {
  const said = vi.spyOn(console, 'log').mockReturnValue();
  await runHook('preprovision', context(false));
  provisioned(azure);
  for (const [name, value] of Object.entries(azure.environment)) vi.stubEnv(name, value);
  vi.stubEnv('POWERBI_WORKSPACE_ID', azure.state.workspaces[0]?.id);
  azure.firstRows();
  if (azure.state.job) azure.state.job.jobState = 'Running';
  await runHook('postprovision', context(false));
  await runHook('postdeploy', context(false));
  expect(calls()).toContain('env set POWERBI_WORKSPACE_ID workspace-1 --environment shop');
  const scopes = calls().flatMap((call) => /--scope (\S+)/.exec(call)?.[1] ?? []);
  expect(new Set(scopes)).toEqual(
    new Set([
      'https://analysis.windows.net/powerbi/api/.default',
      'https://api.fabric.microsoft.com/.default',
      'https://management.azure.com/.default',
      'https://storage.azure.com/.default',
    ]),
  );
  expect(JSON.stringify(said.mock.calls)).not.toMatch(/test-token|generated-|master-key/);
  expect(azure.state.reports).toHaveLength(3);
});

it('keeps nothing in a what-if', async () => {
  const said = vi.spyOn(console, 'log').mockReturnValue();
  azure.state.workspaces.push({ id: 'workspace-7', name: 'Hubfront shop' });
  await runHook('preprovision', context(true));
  expect(calls().filter((call) => call.startsWith('env'))).toEqual([]);
  expect(said.mock.calls.flat()).toContain(
    "would keep POWERBI_WORKSPACE_ID=workspace-7 in azd's environment",
  );
});
