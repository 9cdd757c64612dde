import * as z from 'zod';

/** Of any scheme: web views of apps have origins such as `capacitor://localhost`. */
const ORIGIN =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<host>(?:\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\])?(?<port>:\d{1,5})?$/i;

/** The origins of a comma-separated list, as browsers write them. */
export function parseOrigins(value: string, context: z.RefinementCtx): string[] {
  const origins = value
    .split(',')
    .map((origin) => normalizedOrigin(origin.trim()))
    .filter((origin) => origin !== '');
  if (origins.includes(undefined)) {
    context.addIssue({
      code: 'custom',
      message: 'is not a comma-separated list of origins such as https://shop.example, or *',
    });
    return z.NEVER;
  }
  return origins.filter((origin) => origin !== undefined);
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };
const MAX_PORT = 65_535;

/** As browsers write an origin: no default port, and the web's schemes with their host in lower case. */
function normalizedOrigin(origin: string): string | undefined {
  if (origin === '' || origin === '*') return origin;
  const { scheme = '', host = '', port = '' } = ORIGIN.exec(origin.replace(/(?<=[^/])\/$/, ''))?.groups ?? {};
  const name = scheme.toLowerCase();
  const isWeb = name in DEFAULT_PORTS;
  if (name === '' || (isWeb && host === '') || Number(port.slice(1)) > MAX_PORT) return undefined;
  return `${name}://${isWeb ? host.toLowerCase() : host}${port === DEFAULT_PORTS[name] ? '' : port}`;
}
