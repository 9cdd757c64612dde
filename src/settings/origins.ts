import * as z from 'zod';

/** Any scheme is allowed, because web views of apps have origins such as `capacitor://localhost`. */
const ORIGIN =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<host>(?:\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\])?(?<port>:\d{1,5})?$/i;

/** Maximum number of malformed entries in a message. */
const MAX_PLACES = 5;

/**
 * Parses the origins of a comma-separated list or a JSON list, and normalizes them to the form that browsers send. On
 * Azure's Linux consumption plans, the Functions host reads a setting of this name as a JSON list, and the platform's
 * own list replaces it (azure-functions-host: HostCorsOptionsSetup.cs, HostAssignmentContext.cs).
 */
export function parseOrigins(value: string, context: z.RefinementCtx): string[] {
  const origins = itemsOf(value)?.map((origin) => normalizedOrigin(origin.trim()));
  const wrong = (origins ?? []).flatMap((origin, i) => (origin === undefined ? [i + 1] : []));
  if (!origins || wrong.length > 0) {
    const list = 'is not * or a list of origins such as https://shop.example, separated by commas or as JSON';
    const places = wrong.slice(0, MAX_PLACES).join(', ') + (wrong.length > MAX_PLACES ? ', …' : '');
    const which = wrong.length === 0 ? '' : `: not an origin at position ${places}`;
    context.addIssue({ code: 'custom', message: list + which });
    return z.NEVER;
  }
  return origins.filter((origin) => origin !== undefined && origin !== '') as string[];
}

/** @returns undefined for malformed JSON */
function itemsOf(value: string): string[] | undefined {
  if (!value.trim().startsWith('[')) return value.split(',');
  try {
    return z.array(z.string()).safeParse(JSON.parse(value)).data;
  } catch {
    return undefined;
  }
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };
const MAX_PORT = 65_535;

/** Normalizes an origin as browsers do: without the default port, and with a lower-case host for web schemes. */
function normalizedOrigin(origin: string): string | undefined {
  if (origin === '' || origin === '*') return origin;
  const { scheme = '', host = '', port = '' } = ORIGIN.exec(origin.replace(/(?<=[^/])\/$/, ''))?.groups ?? {};
  const name = scheme.toLowerCase();
  const isWeb = name in DEFAULT_PORTS;
  if (name === '' || (isWeb && host === '') || Number(port.slice(1)) > MAX_PORT) return undefined;
  return `${name}://${isWeb ? host.toLowerCase() : host}${port === DEFAULT_PORTS[name] ? '' : port}`;
}
