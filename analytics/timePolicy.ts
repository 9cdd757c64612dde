/** When an event is late or out of order, and what happens to it: the settings in `JobConfig.json`. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { readJsonFile } from './projectFiles';

/** The handling of events that are late or out of order: the settings of a job in Azure, with the same names. */
export interface TimePolicy {
  eventsLateArrivalMaxDelayInSeconds: number;
  eventsOutOfOrderMaxDelayInSeconds: number;
  /** `Adjust` gives a late event the earliest accepted time; `Drop` drops it */
  eventsOutOfOrderPolicy: 'Adjust' | 'Drop';
}

/** The defaults of Stream Analytics. */
export const DEFAULT_TIME_POLICY: TimePolicy = {
  eventsLateArrivalMaxDelayInSeconds: 5,
  eventsOutOfOrderMaxDelayInSeconds: 0,
  eventsOutOfOrderPolicy: 'Adjust',
};

/** The settings of the job, as the Stream Analytics tools keep them beside the query. */
const JOB_CONFIG_FILE = 'JobConfig.json';

/** Stream Analytics waits 20 days, 23 hours, 59 minutes and 59 seconds at the most; -1 stands for it. */
const MAX_LATE_ARRIVAL_S = 1_814_399;

/** The level whose behaviour this runner has (https://learn.microsoft.com/azure/stream-analytics/stream-analytics-compatibility-level). */
const COMPATIBILITY_LEVEL = '1.2';

// https://learn.microsoft.com/azure/stream-analytics/job-config-json
const jobConfig = z.object({
  EventsLateArrivalMaxDelayInSeconds: z.int().min(-1).max(MAX_LATE_ARRIVAL_S).nullish(),
  EventsOutOfOrderMaxDelayInSeconds: z.int().min(0).nullish(),
  EventsOutOfOrderPolicy: z.enum(['Adjust', 'Drop']).nullish(),
  CompatibilityLevel: z.string().nullish(),
});

/** @param file undefined: `JobConfig.json` beside the query, which may be absent */
function readJobConfig(queryFile: string, file?: string): z.infer<typeof jobConfig> | undefined {
  const beside = join(dirname(queryFile), JOB_CONFIG_FILE);
  return file === undefined && !existsSync(beside) ? undefined : readJsonFile(file ?? beside, jobConfig);
}

/**
 * The tolerances of the job's settings, or the defaults of Stream Analytics.
 *
 * @param file of the settings; by default, `JobConfig.json` beside the query
 * @throws {ProjectError} naming the file
 */
export function readTimePolicy(queryFile: string, file?: string): TimePolicy {
  const config = readJobConfig(queryFile, file);
  if (config === undefined) return DEFAULT_TIME_POLICY;
  const late = config.EventsLateArrivalMaxDelayInSeconds ?? -1;
  return {
    eventsLateArrivalMaxDelayInSeconds: late === -1 ? MAX_LATE_ARRIVAL_S : late,
    eventsOutOfOrderMaxDelayInSeconds:
      config.EventsOutOfOrderMaxDelayInSeconds ?? DEFAULT_TIME_POLICY.eventsOutOfOrderMaxDelayInSeconds,
    eventsOutOfOrderPolicy: config.EventsOutOfOrderPolicy ?? DEFAULT_TIME_POLICY.eventsOutOfOrderPolicy,
  };
}

/** Tells that a job has another compatibility level than this runner. @throws {ProjectError} */
export function compatibilityNote(queryFile: string, file?: string): string | undefined {
  const level = readJobConfig(queryFile, file)?.CompatibilityLevel ?? COMPATIBILITY_LEVEL;
  return level === COMPATIBILITY_LEVEL
    ? undefined
    : `the job has the compatibility level ${level}: its rows may differ from these, which are those of ${COMPATIBILITY_LEVEL}`;
}
