import { IotHubError } from '../iotHubError';

/** Whether `ifMatch` is `*` or the ETag, with or without quotes. */
export function isMatch(etag: string, ifMatch: string): boolean {
  const wanted = ifMatch.replace(/^(?:W\/)?"(.*)"$/, '$1');
  return wanted === '*' || wanted === etag;
}

/**
 * Checks the ETag that a request expects.
 *
 * @param ifMatch an etag, with or without quotes, or `*`
 * @throws IotHubError PreconditionFailed
 */
export function assertMatches({ etag }: { readonly etag: string }, ifMatch: string): void {
  if (!isMatch(etag, ifMatch)) {
    throw new IotHubError('PreconditionFailed', 'PreconditionFailed, ETag may be invalid.');
  }
}
