/**
 * Additional host names of local servers, for example behind a tunnel or a reverse proxy: a comma-separated list in
 * the environment. `.example.com` stands for every name below `example.com`.
 */
export function configuredHosts(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  return (environment.HUBFRONT_ALLOWED_HOSTS ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/** The scheme with which a client reaches a local server. A reverse proxy with TLS sends the scheme in a header. */
export function schemeOf(forwardedProto: string | undefined): 'http' | 'https' {
  return forwardedProto?.split(',')[0]?.trim().toLowerCase() === 'https' ? 'https' : 'http';
}
