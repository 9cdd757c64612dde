import { IotHubError } from '../iotHubError';

/**
 * Checks the ETag that a request expects.
 *
 * @param ifMatch an etag, with or without quotes, or `*`
 * @throws IotHubError PreconditionFailed
 */
export function assertMatches({ etag }: { readonly etag: string }, ifMatch: string): void {
  const wanted = ifMatch.replace(/^(?:W\/)?"(.*)"$/, '$1');
  if (wanted !== '*' && wanted !== etag) {
    throw new IotHubError('PreconditionFailed', 'PreconditionFailed, ETag may be invalid.');
  }
}
