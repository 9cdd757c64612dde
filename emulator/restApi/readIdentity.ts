import type { z } from 'zod';
import { IotHubError } from '../iotHubError';
import type { HubRequest } from './route';
import { readJson } from './serviceRoute';

/**
 * The identity in the body of a request.
 *
 * @param kind what the identity is, for the error
 * @throws IotHubError IotHubFormatError, or ArgumentInvalid that names the field
 */
export function readIdentity<Input>(
  request: HubRequest,
  schema: z.ZodType<Input>,
  kind: 'device' | 'module',
): Input {
  const parsed = schema.safeParse(readJson(request));
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new IotHubError(
    'ArgumentInvalid',
    field === '' ? 'BadRequest' : `The ${kind}'s ${field} is not valid.`,
  );
}
