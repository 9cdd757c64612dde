import type { HttpRequest } from '@azure/functions';

/** A day, the longest time that a browser caches a preflight (Firefox; Chromium caches it for two hours). */
const PREFLIGHT_MAX_AGE_S = 86_400;

/** Headers that the app reads. Any page may send them. */
const REQUEST_HEADERS = ['content-type', 'content-encoding', 'x-functions-key'];
/**
 * RFC 9110: a token, but without `*`, which would stand for any header. The length is limited to that of real names.
 */
const HEADER_NAME = /^[!#$%&'+\-.^_`|~0-9a-z]{1,100}$/;
const MAX_ALLOWED_HEADERS = 50;

/** Adds CORS headers to responses, and creates the response to a preflight. */
export interface Cors {
  /** headers for the response to a cross-origin request; only `Vary` if the origin is not allowed */
  headers: (request: HttpRequest) => Record<string, string>;
  /** headers for the response to a preflight */
  preflightHeaders: (request: HttpRequest) => Record<string, string>;
}

/**
 * @param allowedOrigins exact origins, `*`, or origins with `*` as their first label (`https://*.shop.example`, which
 * stands for any name below `shop.example`)
 */
export function createCors(allowedOrigins: readonly string[]): Cors {
  const any = allowedOrigins.includes('*');
  const exact = new Set(allowedOrigins.filter((origin) => !origin.includes('*')));
  const subdomains = allowedOrigins.filter((origin) => origin.includes('//*.')).map(subdomainPattern);

  const allowedOrigin = (request: HttpRequest): string | undefined => {
    const origin = request.headers.get('origin');
    if (origin === null) return undefined;
    if (any) return '*';
    const known = exact.has(origin) || subdomains.some((pattern) => pattern.test(origin));
    return known ? origin : undefined;
  };

  const headers = (request: HttpRequest): Record<string, string> => {
    const origin = allowedOrigin(request);
    return origin === undefined
      ? { Vary: 'Origin' }
      : {
          Vary: 'Origin',
          'Access-Control-Allow-Origin': origin,
          'Access-Control-Expose-Headers': 'Retry-After, Location',
        };
  };

  return {
    headers,
    preflightHeaders: (request) => {
      const origin = allowedOrigin(request);
      if (origin === undefined) return { Vary: 'Origin' };
      return {
        Vary: 'Origin',
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Methods': 'POST, OPTIONS',
        'Access-Control-Allow-Headers': allowedHeaders(request),
        'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE_S),
      };
    },
  };
}

/**
 * The headers that the app reads, and those that the preflight requests. Tracing libraries in a page add headers,
 * which are harmless here.
 */
function allowedHeaders(request: HttpRequest): string {
  const requested = (request.headers.get('access-control-request-headers') ?? '').toLowerCase().split(',');
  const names = requested.map((name) => name.trim()).filter((name) => HEADER_NAME.test(name));
  return [...new Set([...REQUEST_HEADERS, ...names])].slice(0, MAX_ALLOWED_HEADERS).join(', ');
}

/** `https://*.shop.example` matches names of one or more labels before `.shop.example`, and nothing else. */
function subdomainPattern(origin: string): RegExp {
  const [scheme = '', domain = ''] = origin.split('*.');
  const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  return new RegExp(`^${literal(scheme)}(?:[a-z0-9-]+\\.)+${literal(domain)}$`);
}
