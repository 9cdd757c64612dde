import { type HookContext, azdContext } from './context';
import { ensureFunctionKeys } from './functionKeys';
import { ensureContributor, ensureDatasets, ensureWorkspace, usesPowerBi } from './powerBi';
import { ensureSnapshot } from './products';
import { publishReports } from './reports';
import { HookError } from './rest';
import { restartJob, startJob, stopJob } from './streamAnalytics';

type Step = (context: HookContext) => Promise<void>;

const onlyWithPowerBi =
  (step: Step): Step =>
  async (context) => {
    if (usesPowerBi(context)) await step(context);
  };

/**
 * What Azure Resource Manager cannot do, by azd's events. Each step looks first and changes only what is missing, so
 * that a run which ended half-way is finished by the next.
 */
const HOOKS: Record<string, readonly Step[]> = {
  preprovision: [onlyWithPowerBi(ensureWorkspace), stopJob],
  postprovision: [
    onlyWithPowerBi(ensureContributor),
    onlyWithPowerBi(ensureDatasets),
    onlyWithPowerBi(publishReports),
    restartJob,
  ],
  postdeploy: [ensureFunctionKeys, ensureSnapshot, startJob],
};

/** @throws {HookError} saying what is to be done */
export async function runHook(name: string, context: HookContext): Promise<void> {
  const steps = HOOKS[name];
  if (!steps) throw new HookError(`There is no hook ${name}: use ${Object.keys(HOOKS).join(', ')}.`);
  for (const step of steps) await step(context);
}

/** `npm run infra:hook -- <hook> [--what-if]`, as azure.yaml calls it. */
export async function main(argv: readonly string[]): Promise<void> {
  const [name = ''] = argv.filter((argument) => !argument.startsWith('--'));
  const unknown = argv.filter((argument) => argument.startsWith('--') && argument !== '--what-if');
  try {
    if (unknown.length > 0) throw new HookError(`${unknown.join(' ')} is unknown: there is --what-if.`);
    await runHook(name, azdContext(argv.includes('--what-if')));
  } catch (error) {
    if (!(error instanceof HookError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
