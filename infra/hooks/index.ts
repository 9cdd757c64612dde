/** The command that azd calls before and after a deployment. */

import { type HookContext, azdContext } from './context';
import { ensureFunctionKeys } from './functionKeys';
import { ensureContributor, ensureWorkspace, usesPowerBi } from './powerBi';
import { ensureSnapshot } from './products';
import { checkRegion, findDeletedVault, registerProviders } from './subscription';
import { publishReports } from './reports';
import { HookError } from './rest';
import { resolveSecretReferences } from './secretReferences';
import { restartJob, startJob, stopJob } from './streamAnalytics';
import { ensureVisitorKey, ensureVisitorKeyBefore } from './visitorKey';

type Step = (context: HookContext) => Promise<void>;

const onlyWithPowerBi =
  (step: Step): Step =>
  async (context) => {
    if (usesPowerBi(context)) await step(context);
  };

/**
 * The steps that Azure Resource Manager cannot do, by azd's events. Each step first reads the current state and
 * changes only what is missing, so that the next run completes a failed one.
 */
const HOOKS: Record<string, readonly Step[]> = {
  preprovision: [
    checkRegion,
    registerProviders,
    findDeletedVault,
    onlyWithPowerBi(ensureWorkspace),
    ensureVisitorKeyBefore,
    stopJob,
  ],
  postprovision: [ensureVisitorKey, onlyWithPowerBi(ensureContributor), restartJob],
  postdeploy: [
    ensureFunctionKeys,
    ensureVisitorKey,
    resolveSecretReferences,
    ensureSnapshot,
    startJob,
    onlyWithPowerBi(publishReports),
  ],
};

/** @throws {HookError} that says what to do */
export async function runHook(name: string, context: HookContext): Promise<void> {
  const steps = HOOKS[name];
  if (!steps) throw new HookError(`There is no hook ${name}: use ${Object.keys(HOOKS).join(', ')}.`);
  for (const step of steps) await step(context);
}

/**
 * Reads `<hook> [--what-if]`. PowerShell removes the `--` of `npm run infra:hook -- postdeploy --what-if`. npm then
 * treats `--what-if` as its own option and passes it as `npm_config_what_if`, which is recognized here.
 *
 * @throws {HookError} for anything else, so that a misspelled option does not run a hook
 */
export function readArguments(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): { hook: string; whatIf: boolean } {
  const unknown = argv.filter((argument) => argument.startsWith('-') && argument !== '--what-if');
  const [hook = '', ...others] = argv.filter((argument) => !argument.startsWith('-'));
  if (unknown.length > 0)
    throw new HookError(`${unknown.join(' ')} is unknown: the only option is --what-if.`);
  if (others.length > 0) throw new HookError(`Unexpected arguments: ${others.join(' ')}. Name one hook.`);
  const ofNpm = (env.npm_config_what_if ?? '').toLowerCase();
  return { hook, whatIf: argv.includes('--what-if') || !['', 'false'].includes(ofNpm) };
}

/** `npm run infra:hook -- <hook> [--what-if]`, as azure.yaml calls it, and `npm run infra:what-if <hook>`. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    const { hook, whatIf } = readArguments(argv, process.env);
    if (whatIf) console.log('What-if: nothing will be changed.');
    await runHook(hook, azdContext(whatIf));
  } catch (error) {
    if (!(error instanceof HookError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
