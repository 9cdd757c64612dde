import type { LoadedFunction } from './workerProtocol';

const METHODS_BY_DEFAULT = ['get', 'post'];

/** An HTTP function with its route, ready to be matched. */
export interface HttpRoute {
  functionId: string;
  name: string;
  methods: readonly string[];
  authLevel: 'anonymous' | 'function' | 'admin';
  template: string;
  pattern: RegExp;
}

export interface RouteMatch {
  route: HttpRoute;
  params: Record<string, string>;
}

/** The routes of an app, by ASP.NET's templates: `{name}`, `{name?}`, `{*rest}`, `{name:constraint}`. */
export function createRoutes(functions: readonly LoadedFunction[], prefix: string): HttpRoute[] {
  return functions.flatMap(({ id, name, bindings }) => {
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
        pattern: patternOf(template),
      },
    ];
  });
}

/** As the real host: a path or a method that nobody declared, HEAD included, matches nothing. */
export function matchRoute(
  routes: readonly HttpRoute[],
  method: string,
  path: string,
): RouteMatch | undefined {
  const wanted = method.toLowerCase();
  for (const route of routes) {
    const match = route.methods.includes(wanted) ? route.pattern.exec(path) : null;
    if (match) return { route, params: decodeParams(match.groups ?? {}) };
  }
  return undefined;
}

function authLevelOf(level: string | undefined): HttpRoute['authLevel'] {
  const known = (['function', 'admin'] as const).find((name) => name === level?.toLowerCase());
  return known ?? 'anonymous';
}

function patternOf(template: string): RegExp {
  const source = template
    .split('/')
    .map((segment) => {
      const parameter = /^\{(\*?)(\w+)(?::([^?}]+))?(\?)?\}$/.exec(segment);
      if (!parameter) return `/${segment.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}`;
      const [, rest, name = '', constraint, optional] = parameter;
      if (rest) return `(?:/(?<${name}>.*))?`;
      const value = constraint === 'int' ? '-?\\d+' : constraint === 'alpha' ? '[A-Za-z]+' : '[^/]+';
      return optional ? `(?:/(?<${name}>${value}))?` : `/(?<${name}>${value})`;
    })
    .join('');
  return new RegExp(`^${source}/?$`, 'i');
}

function decodeParams(groups: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).flatMap(([name, value]) => (value === undefined ? [] : [[name, decode(value)]])),
  );
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
