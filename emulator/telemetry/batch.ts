import { z } from 'zod';
import { IotHubError } from '../iotHubError';
import { parseJson } from '../parseJson';
import type { TelemetryMessage } from '../partitionLog';
import { MAX_BATCH_BYTES, tooLarge } from './limits';
import { sortHeaders } from './messageHeaders';

/** The content type that makes a POST a batch. */
export const BATCH_CONTENT_TYPE = 'application/vnd.microsoft.iothub.json';

const batch = z
  .array(
    z.object({
      body: z.string(),
      /**
       * Microsoft's SDK for Node omits this field and sends base64. The SDK for C also sends `false` with plain text.
       */
      base64Encoded: z.boolean().default(true),
      properties: z.record(z.string(), z.string()).default({}),
    }),
  )
  .min(1);

/**
 * The messages of an HTTPS batch.
 *
 * @throws IotHubError if any message is invalid: the whole batch is then rejected
 */
export function readBatch(body: Buffer): Pick<TelemetryMessage, 'body' | 'system' | 'properties'>[] {
  if (body.length > MAX_BATCH_BYTES) throw tooLarge(MAX_BATCH_BYTES);
  const parsed = batch.safeParse(parseJson(body, 'The batch'));
  if (!parsed.success) throw new IotHubError('ArgumentInvalid', 'BadRequest');
  return parsed.data.map((item) => ({
    body: item.base64Encoded ? fromBase64(item.body) : Buffer.from(item.body, 'utf8'),
    ...sortHeaders(Object.entries(item.properties)),
  }));
}

function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text)
    throw new IotHubError('ArgumentInvalid', "A message's body is not base64.");
  return bytes;
}
