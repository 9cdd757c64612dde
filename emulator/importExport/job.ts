/** The request for a job, and the job that the hub returns. */

import { z } from 'zod';

const containerUri = z.url({ protocol: /^https?$/ });
/** Without it, the hub uses this name (iot-hub-bulk-identity-mgmt). */
const DEFAULT_BLOB_NAME = 'devices.txt';
const blobName = z
  .string()
  .min(1)
  .max(1_024)
  .nullish()
  .transform((name) => name ?? DEFAULT_BLOB_NAME);

/** `POST /jobs/create` (rest/api/iothub/service/jobs/create-import-export-job). */
export const jobRequest = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('import'),
    inputBlobContainerUri: containerUri,
    outputBlobContainerUri: containerUri,
    inputBlobName: blobName,
    storageAuthenticationType: z.string().nullish(),
  }),
  z.object({
    type: z.literal('export'),
    outputBlobContainerUri: containerUri,
    outputBlobName: blobName,
    excludeKeysInExport: z.boolean().nullish(),
    storageAuthenticationType: z.string().nullish(),
  }),
]);

export type JobRequest = z.infer<typeof jobRequest>;

/** A job as the hub's REST API returns it. */
export interface Job extends Readonly<Record<string, unknown>> {
  readonly jobId: string;
  readonly type: JobRequest['type'];
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled';
  /** Percent. */
  readonly progress: number;
  readonly failureReason?: string;
  readonly startTimeUtc: string;
  readonly endTimeUtc?: string;
}
