import { type Schedule, parseSchedule, resolveSettingNames } from '../../src/schedules';
import type { LoadedFunction, TriggerData } from './workerProtocol';

/** The schedules of an app's timer functions. */
export interface Timers {
  /** Runs a timer function now. @returns false if there is none with this name */
  run: (name: string) => boolean;
  stop: () => void;
}

/** A run that starts later than this is `isPastDue`, for example after the machine slept. */
const PAST_DUE_MS = 60_000;
/** The maximum of Node's timers, 2^31 - 1 ms. Azure's host has the same limit per wait. */
const MAX_TIMEOUT_MS = 24 * 86_400_000;

interface Job {
  name: string;
  runNow: () => void;
  stop: () => void;
}

interface TimerOptions {
  settings: Readonly<Record<string, string>>;
  isDisabled: (name: string) => boolean;
  invoke: (functionId: string, data: TriggerData) => Promise<unknown>;
  log: (line: string) => void;
}

/**
 * Starts the timer functions of an app, in UTC as Azure does. Schedules are parsed as in Azure, and may contain
 * settings (`%NAME%`). A function with an invalid schedule is logged and does not run. The others run. A run that is
 * due while the previous one is still running is skipped. A disabled function has no schedule, but runs on demand.
 */
export function startTimers(
  functions: readonly LoadedFunction[],
  { settings, isDisabled, invoke, log }: TimerOptions,
): Timers {
  const jobs = functions.flatMap(({ id, name, bindings }): Job[] => {
    const trigger = bindings.find(({ type }) => type.toLowerCase() === 'timertrigger');
    if (!trigger) return [];
    const expression = resolveSettingNames(trigger.schedule ?? '', settings);
    const schedule = expression === undefined ? undefined : parseSchedule(expression);
    if (!schedule) {
      log(
        `The '${name}' function is in error: its schedule '${expression ?? trigger.schedule ?? ''}' is not valid`,
      );
      return [];
    }
    const run = async (data: TriggerData): Promise<void> => {
      await invoke(id, data).catch((error: unknown) => {
        log(`[${name}] failed: ${(error as Error).message}`);
      });
    };
    const job = startJob(name, schedule, run, isDisabled(name));
    if (trigger.runOnStartup && !isDisabled(name)) job.runNow();
    return [job];
  });
  return {
    run: (name) => {
      const timer = jobs.find((job) => job.name.toLowerCase() === name.toLowerCase());
      timer?.runNow();
      return timer !== undefined;
    },
    stop: () => {
      for (const job of jobs) job.stop();
    },
  };
}

function startJob(
  name: string,
  schedule: Schedule,
  run: (data: TriggerData) => Promise<void>,
  isPaused: boolean,
): Job {
  let timer: NodeJS.Timeout | undefined;
  let due = schedule.next(new Date());
  let last = new Date(0);
  let isRunning = false;

  const runOnce = async (isPastDue: boolean): Promise<void> => {
    const status = { Last: last.toISOString(), Next: due?.toISOString(), LastUpdated: last.toISOString() };
    const info = { Schedule: { AdjustForDST: true }, ScheduleStatus: status, IsPastDue: isPastDue };
    last = new Date();
    await run({ json: JSON.stringify(info) });
  };
  const wait = (): void => {
    if (!due) return;
    timer = setTimeout(onTimeout, Math.min(Math.max(0, due.getTime() - Date.now()), MAX_TIMEOUT_MS));
  };
  function onTimeout(): void {
    const now = new Date();
    if (!due || now < due) {
      wait();
      return;
    }
    const isPastDue = now.getTime() - due.getTime() > PAST_DUE_MS;
    due = schedule.next(now);
    if (!isRunning) {
      isRunning = true;
      void runOnce(isPastDue).finally(() => {
        isRunning = false;
      });
    }
    wait();
  }
  if (!isPaused) wait();
  return {
    name,
    runNow: () => void runOnce(false),
    stop: () => {
      clearTimeout(timer);
    },
  };
}
