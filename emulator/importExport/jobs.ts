/** Bulk import and export of device identities (iot-hub-bulk-identity-mgmt). */

import { randomUUID } from 'node:crypto';
import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';
import type { Identities } from '../registry';
import type { TwinStore } from '../twins';
import { exportDevices } from './exportDevices';
import { importDevices } from './importDevices';
import type { Job, JobRequest } from './job';

/** "Job history is retained up to 30 days" (same page). Here a number, which limits memory. */
const MAX_KEPT_JOBS = 100;
/** Ends a job whose storage does not respond. Microsoft publishes no limit. */
const MAX_JOB_MS = 60 * 60 * 1_000;

export interface ImportExportJobs {
  /** Starts a job and returns it at once. @throws IotHubError if another job runs */
  create(request: JobRequest): Job;
  /** @throws IotHubError JobNotFound */
  get(jobId: string): Job;
  list(): Job[];
  /** Cancels a job at once. Has no effect on a job that has ended. @throws IotHubError JobNotFound */
  cancel(jobId: string): Job;
  /** Cancels the running job, and forgets all jobs. */
  clear(): void;
  /** Cancels the running job. Afterwards, no job changes the hub or the journal. */
  close(): void;
}

const KIND = 'job';
const keyOf = (jobId: string) => `${KIND}/${jobId}`;

export function createImportExportJobs(
  identities: Identities,
  twins: TwinStore,
  journal: Journal,
): ImportExportJobs {
  const jobs = new Map<string, Job>();
  /** "You can have only one active device import or export job at a time" (iot-hub-devguide-quotas-throttling). */
  let active: { readonly jobId: string; readonly abort: AbortController } | undefined;

  const kept = [...journal.read(KIND).values()] as Job[];
  for (const job of kept.sort((a, b) => (a.startTimeUtc < b.startTimeUtc ? -1 : 1))) {
    const wasRunning = job.status === 'running';
    const failure = { status: 'failed', failureReason: 'The emulator stopped during the job.' } as const;
    jobs.set(job.jobId, wasRunning ? { ...job, ...failure } : job);
  }

  const get = (jobId: string): Job => {
    const job = jobs.get(jobId);
    if (!job) throw new IotHubError('JobNotFound', `There is no job '${jobId}'.`);
    return job;
  };
  /** The journal rejects a write only if the disk fails. The job has ended nevertheless, so its end is kept in memory. */
  const end = (jobId: string, outcome: Pick<Job, 'status' | 'progress'> & Partial<Job>): void => {
    if (active?.jobId !== jobId) return; // it was cancelled
    const ended: Job = { ...get(jobId), ...outcome, endTimeUtc: new Date().toISOString() };
    jobs.set(jobId, ended);
    active = undefined;
    try {
      journal.write([keyOf(jobId), ended]);
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
    }
  };
  const carryOut = async (jobId: string, request: JobRequest, signal: AbortSignal): Promise<void> => {
    try {
      if (request.type === 'import') await importDevices(identities, twins, request, signal);
      else await exportDevices(identities, twins, request, signal);
      end(jobId, { status: 'completed', progress: 100 });
    } catch (error) {
      end(jobId, { status: 'failed', progress: 0, failureReason: reasonOf(error) });
    }
  };
  const forget = (jobIds: readonly string[]): void => {
    for (const id of jobIds) jobs.delete(id);
    journal.forget(...jobIds.map(keyOf));
  };
  const stop = (): void => {
    if (!active) return;
    const { jobId, abort } = active;
    end(jobId, { status: 'cancelled', progress: 0 });
    abort.abort();
  };

  return {
    create(request) {
      if (active) throw new IotHubError('JobQuotaExceeded', 'Only one job may run at a time.');
      const jobId = randomUUID();
      const job: Job = {
        jobId,
        status: 'running',
        progress: 0,
        ...request,
        startTimeUtc: new Date().toISOString(),
      };
      journal.write([keyOf(jobId), job]);
      jobs.set(jobId, job);
      forget([...jobs.keys()].slice(0, Math.max(0, jobs.size - MAX_KEPT_JOBS)));
      const abort = new AbortController();
      active = { jobId, abort };
      void carryOut(jobId, request, AbortSignal.any([abort.signal, AbortSignal.timeout(MAX_JOB_MS)]));
      return job;
    },
    get,
    list: () => [...jobs.values()],
    cancel(jobId) {
      if (active?.jobId === jobId) stop();
      return get(jobId);
    },
    clear() {
      stop();
      forget([...jobs.keys()]);
    },
    close: stop,
  };
}

/** Errors of the storage contain the URL with its SAS. Only their code may be shown. */
function reasonOf(error: unknown): string {
  if (error instanceof IotHubError) return error.text;
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (name === 'AbortError' || name === 'TimeoutError') return 'The job has taken too long.';
  return `The storage cannot be used${typeof code === 'string' ? ` (${code})` : ''}.`;
}
