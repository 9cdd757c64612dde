/** The host names that the local servers accept in addition to `localhost`, and the scheme of a request. */

import { checkAllowedHosts } from '../emulator/httpsServer/allowedHosts';

const VARIABLE = 'HUBFRONT_ALLOWED_HOSTS';

/**
 * Additional host names of local servers, for example behind a tunnel or a reverse proxy: a comma-separated list in
 * the environment. `.example.com` stands for every name below `example.com`.
 *
 * @throws RangeError that names the variable and the first name that no request could have as its host
 */
export function configuredHosts(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  const names = (environment[VARIABLE] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  try {
    checkAllowedHosts(names);
  } catch (error) {
    throw new RangeError(`${VARIABLE}: ${(error as RangeError).message}`, { cause: error });
  }
  return names;
}

/** The scheme with which a client reaches a local server. A reverse proxy with TLS sends the scheme in a header. */
export function schemeOf(forwardedProto: string | undefined): 'http' | 'https' {
  return forwardedProto?.split(',')[0]?.trim().toLowerCase() === 'https' ? 'https' : 'http';
}
