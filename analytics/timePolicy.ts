/** When an event is late or out of order, and what happens to it: the settings in `JobConfig.json`. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { UsageError } from './fileAccess';

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

const jobConfig = z.object({
  EventsLateArrivalMaxDelayInSeconds: z.int().min(-1).nullish(),
  EventsOutOfOrderMaxDelayInSeconds: z.int().min(0).nullish(),
  EventsOutOfOrderPolicy: z.enum(['Adjust', 'Drop']).nullish(),
});

/** Stream Analytics takes 20 days at the most; -1 stands for it. */
const MAX_LATE_ARRIVAL_S = 20 * 86_400;

/** The tolerances of the job's settings, `JobConfig.json` beside a query, or Stream Analytics' defaults. @throws {UsageError} naming the file */
export function readTimePolicy(
  queryFile: string,
  file = join(dirname(queryFile), JOB_CONFIG_FILE),
): TimePolicy {
  if (!existsSync(file)) return DEFAULT_TIME_POLICY;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch {
    throw new UsageError(`${file} is not valid JSON`);
  }
  const read = jobConfig.safeParse(content);
  if (!read.success)
    throw new UsageError(
      `${file}: ${read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')}`,
    );
  const late = read.data.EventsLateArrivalMaxDelayInSeconds;
  return {
    eventsLateArrivalMaxDelayInSeconds:
      late === -1 ? MAX_LATE_ARRIVAL_S : (late ?? DEFAULT_TIME_POLICY.eventsLateArrivalMaxDelayInSeconds),
    eventsOutOfOrderMaxDelayInSeconds:
      read.data.EventsOutOfOrderMaxDelayInSeconds ?? DEFAULT_TIME_POLICY.eventsOutOfOrderMaxDelayInSeconds,
    eventsOutOfOrderPolicy: read.data.EventsOutOfOrderPolicy ?? DEFAULT_TIME_POLICY.eventsOutOfOrderPolicy,
  };
}
