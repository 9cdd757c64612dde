import type { HttpRequest } from '@azure/functions';

/** A day: as long as browsers keep a preflight at the most (Firefox; Chromium keeps it for two hours). */
const PREFLIGHT_MAX_AGE_S = 86_400;

/** Headers that the app reads, which any page may send. */
const REQUEST_HEADERS = ['content-type', 'content-encoding', 'x-functions-key'];
/** RFC 9110: a token, without `*`, which would stand for any header; no name in use is longer. */
const HEADER_NAME = /^[!#$%&'+\-.^_`|~0-9a-z]{1,100}$/;
const MAX_ALLOWED_HEADERS = 50;

/** Adds what CORS wants to the headers of an answer; a preflight's answer is nothing else. */
export interface Cors {
  /** headers for the answer to a cross-origin request; only `Vary` where the origin is not allowed */
  headers: (request: HttpRequest) => Record<string, string>;
  /** headers for the answer to a preflight */
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
 * The headers that the app reads, and those that the preflight asks for: a page's tracing library adds headers of its
 * own, which do no harm here.
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
