/** Matches requests to functions by their route templates. */

import { type MatchFunction, type Token, match } from 'path-to-regexp';
import type { LoadedFunction } from './workerProtocol';

const METHODS_BY_DEFAULT = ['get', 'post'];

/** An HTTP function with its route. */
export interface HttpRoute {
  functionId: string;
  name: string;
  methods: readonly string[];
  authLevel: 'anonymous' | 'function' | 'admin';
  /** with the prefix from `host.json`, such as `api/echo/{id?}` */
  template: string;
  /** true if a setting disables the function: only the master key opens it */
  isDisabled: boolean;
  /** @returns undefined if the path does not match */
  paramsOf: (path: string) => Record<string, string> | undefined;
}

export interface RouteMatch {
  route: HttpRoute;
  params: Record<string, string>;
}

/**
 * Creates the routes of an app from ASP.NET's templates: `{name}`, `{name?}`, `{*rest}`, `{name:constraint}`. The host
 * tries them in the order of their functions' names. The first match wins, even if another template is more specific.
 *
 * @throws Error that names the function whose template this host cannot serve
 */
export function createRoutes(
  functions: readonly LoadedFunction[],
  prefix: string,
  isDisabled: (name: string) => boolean,
): HttpRoute[] {
  const ordered = [...functions].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  return ordered.flatMap(({ id, name, bindings }) => {
    const trigger = bindings.find(({ type }) => type.toLowerCase() === 'httptrigger');
    if (!trigger) return [];
    const template = [prefix, trigger.route ?? name].filter((part) => part !== '').join('/');
    return [
      {
        functionId: id,
        name,
        methods: (trigger.methods ?? METHODS_BY_DEFAULT).map((method) => method.toLowerCase()),
        authLevel: authLevelOf(trigger.authLevel),
        template,
        isDisabled: isDisabled(name),
        paramsOf: matcherOf(name, template),
      },
    ];
  });
}

/** A path or method that no function declares matches nothing. This includes HEAD. */
export function matchRoute(
  routes: readonly HttpRoute[],
  method: string,
  path: string,
): RouteMatch | undefined {
  if (path.includes('//')) return undefined; // ASP.NET's matcher rejects empty segments
  const wanted = method.toLowerCase();
  for (const route of routes) {
    const params = route.methods.includes(wanted) ? route.paramsOf(path) : undefined;
    if (params) return { route, params };
  }
  return undefined;
}

function authLevelOf(level: string | undefined): HttpRoute['authLevel'] {
  const known = (['function', 'admin'] as const).find((name) => name === level?.toLowerCase());
  return known ?? 'anonymous';
}

/** ASP.NET's inline constraints without arguments. */
const CONSTRAINTS: Readonly<Record<string, RegExp>> = {
  int: /^-?\d{1,10}$/,
  long: /^-?\d{1,19}$/,
  alpha: /^[a-z]*$/i,
  bool: /^(?:true|false)$/i,
  guid: /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i,
};

/** Matches `{*rest}`, `{name:constraint}` and `{name?}`. Groups: star, name, constraint, question mark. */
const PARAMETER = /\{(\*{0,2})(\w+)(?::(\w+))?(\?)?\}/g;

function matcherOf(functionName: string, template: string): HttpRoute['paramsOf'] {
  const unsupported = (what: string): Error =>
    new Error(`The route ${template} of ${functionName} uses ${what}, which this host does not support`);
  const constraints: [string, RegExp][] = [];
  const tokens = template.split('/').flatMap((segment): Token[] => {
    const parts: Token[] = [{ type: 'text', value: '/' }];
    let isOptional = false;
    let end = 0;
    for (const { 0: text, index, 1: star, 2: name = '', 3: constraint, 4: question } of segment.matchAll(
      PARAMETER,
    )) {
      const pattern = constraint === undefined ? undefined : CONSTRAINTS[constraint];
      if (constraint !== undefined && !pattern) throw unsupported(`the constraint '${constraint}'`);
      if (pattern) constraints.push([name, pattern]);
      if (index > end) parts.push({ type: 'text', value: segment.slice(end, index) });
      parts.push({ type: star ? 'wildcard' : 'param', name });
      isOptional ||= question !== undefined || star !== '';
      end = index + text.length;
    }
    const literal = segment.slice(end);
    if (/[{}]/.test(literal)) throw unsupported(`'${segment}'`);
    if (literal !== '') parts.push({ type: 'text', value: literal });
    return isOptional ? [{ type: 'group', tokens: parts }] : parts;
  });
  const matches: MatchFunction<Partial<Record<string, string | string[]>>> = match(
    { tokens },
    { decode: false },
  );
  return (path) => {
    const found = matches(path);
    if (!found) return undefined;
    const params = Object.entries(found.params).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join('/') : value] as const],
    );
    const values = Object.fromEntries(params);
    const isMet = constraints.every(
      ([name, pattern]) => !(name in values) || pattern.test(values[name] ?? ''),
    );
    return isMet ? values : undefined;
  };
}
