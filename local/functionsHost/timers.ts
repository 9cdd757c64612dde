import { Cron } from 'croner';
import type { LoadedFunction, TriggerData } from './workerProtocol';

/** The schedules of an app's timer functions. */
export interface Timers {
  /** Runs a timer function now. @returns false when there is none of this name */
  run: (name: string) => boolean;
  stop: () => void;
}

/** `isPastDue` is for a run that comes later than this, as after the machine slept. */
const PAST_DUE_MS = 60_000;

interface TimerOptions {
  settings: Readonly<Record<string, string>>;
  isDisabled: (name: string) => boolean;
  invoke: (functionId: string, data: TriggerData) => Promise<unknown>;
  log: (line: string) => void;
}

/**
 * Starts the timer functions of an app. Schedules have NCRONTAB's six fields, or name a setting (`%NAME%`). A run that
 * is due while the last one is still under way is skipped. A disabled function has no schedule, but runs on demand.
 *
 * @throws Error naming the function whose schedule cannot be read
 */
export function startTimers(
  functions: readonly LoadedFunction[],
  { settings, isDisabled, invoke, log }: TimerOptions,
): Timers {
  const jobs = functions.flatMap(({ id, name, bindings }) => {
    const trigger = bindings.find(({ type }) => type.toLowerCase() === 'timertrigger');
    if (!trigger) return [];
    const schedule = (trigger.schedule ?? '').replace(
      /^%(.+)%$/,
      (_, setting: string) => settings[setting] ?? '',
    );
    let due: Date | null = null;
    const run = async (job: Cron, onDemand: boolean): Promise<void> => {
      const isPastDue = !onDemand && due !== null && Date.now() - due.getTime() > PAST_DUE_MS;
      const last = job.previousRun() ?? new Date(0);
      due = job.nextRun();
      const timer = {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: {
          Last: last.toISOString(),
          Next: due?.toISOString(),
          LastUpdated: last.toISOString(),
        },
        IsPastDue: isPastDue,
      };
      await invoke(id, { json: JSON.stringify(timer) }).catch((error: unknown) => {
        log(`[${name}] failed: ${(error as Error).message}`);
      });
    };
    try {
      const paused = isDisabled(name);
      const job: Cron = new Cron(
        schedule,
        { mode: '6-part', domAndDow: true, protect: true, paused },
        (self: Cron) => run(self, false),
      );
      due = job.nextRun();
      if (trigger.runOnStartup && !paused) void run(job, true);
      return [{ name, job, runNow: () => void run(job, true) }];
    } catch (error) {
      throw new Error(`The schedule of ${name} cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
  return {
    run: (name) => {
      const timer = jobs.find((job) => job.name.toLowerCase() === name.toLowerCase());
      timer?.runNow();
      return timer !== undefined;
    },
    stop: () => {
      for (const { job } of jobs) job.stop();
    },
  };
}
