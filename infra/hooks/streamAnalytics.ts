/** Stops and starts the Stream Analytics job around a deployment. */

import { setTimeout as delay } from 'node:timers/promises';
import { type HookContext, armUrl, optional, required } from './context';
import { HookError } from './rest';

const API_VERSION = 'api-version=2021-10-01-preview';
/** How long to wait for the job. It takes about a minute to start, and half a minute to stop. */
const MAX_POLLS = 120;

interface Job {
  properties: { jobState: string; lastOutputEventTime?: string };
}

/**
 * Stops the job before it is changed, because Azure rejects changes to a running job. Later it continues from its last
 * output. Meanwhile the hub keeps new messages.
 */
export async function stopJob(context: HookContext): Promise<void> {
  // The job does not exist before the first deployment.
  if (optional(context, 'STREAM_ANALYTICS_JOB_NAME') === undefined) return;
  const job = await readJob(context);
  if (job === undefined || !['Running', 'Degraded', 'Starting'].includes(job.properties.jobState)) return;
  await context.rest(jobUrl(context, '/stop'), {
    method: 'POST',
    what: 'stop the analytics job while it is changed',
  });
  if (context.whatIf) return;
  await waitFor(context, ['Stopped']);
  context.log('Stream Analytics: the job was stopped; it will be started again after the deployment');
}

/** Starts the job again after a deployment that stopped it, if it was running before. */
export async function restartJob(context: HookContext): Promise<void> {
  const job = await readJob(context);
  // A job that has never run has to wait for the app and its first product snapshot.
  if (job?.properties.jobState !== 'Created') await startJob(context);
}

/**
 * Starts the job from its last output, or from now if it has no output yet. A running job is not changed.
 *
 * @throws {HookError} if it fails to start
 */
export async function startJob(context: HookContext): Promise<void> {
  const { rest, log, whatIf } = context;
  const job = await readJob(context);
  if (job === undefined) throw new HookError('The analytics job does not exist: run azd provision first.');
  const { jobState, lastOutputEventTime } = job.properties;
  if (['Running', 'Degraded'].includes(jobState)) {
    log('Stream Analytics: the job is running');
    return;
  }
  if (jobState === 'Stopping') await waitFor(context, ['Stopped']);
  if (jobState !== 'Starting') {
    const outputStartMode = lastOutputEventTime ? 'LastOutputEventTime' : 'JobStartTime';
    await rest(jobUrl(context, '/start'), {
      method: 'POST',
      body: { outputStartMode },
      what: `start the analytics job (${outputStartMode})`,
    });
  }
  if (whatIf) return;
  await waitFor(context, ['Running', 'Degraded']);
  log('Stream Analytics: the job was started');
}

async function readJob(context: HookContext): Promise<Job | undefined> {
  return (await context.rest(jobUrl(context, ''), { absentOn: 404 })) as Job | undefined;
}

async function waitFor(context: HookContext, wanted: readonly string[]): Promise<void> {
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    const state = (await readJob(context))?.properties.jobState ?? 'gone';
    if (wanted.includes(state)) return;
    if (state === 'Failed') {
      throw new HookError(
        'The analytics job failed to start: its activity log in the portal shows the reason. Roles and Power BI permissions need ' +
          'some minutes to take effect: run azd hooks run postdeploy again later.',
      );
    }
    await delay(context.pollMs);
  }
  throw new HookError(
    `The analytics job is not ${wanted.join(' or ')} yet: run azd hooks run postdeploy again later.`,
  );
}

function jobUrl(context: HookContext, action: string): string {
  const name = required(context, 'STREAM_ANALYTICS_JOB_NAME');
  return `${armUrl(context, `Microsoft.StreamAnalytics/streamingjobs/${name}`)}${action}?${API_VERSION}`;
}
