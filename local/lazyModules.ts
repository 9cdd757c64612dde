import { relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * Modules that the SDKs require at load and that are not used here. They stay in the bundle, and are evaluated when
 * one of their members is first used.
 */
const LAZY_MODULES: readonly { required: RegExp; by: RegExp; why: string }[] = [
  { required: /^lodash$/, by: /azure-iot/, why: 'device twins alone compare and merge objects with it' },
  { required: /^\.\/client-h2\.js$/, by: /undici/, why: 'HTTP/2, which the hub is never asked for' },
];

/**
 * Replaces such a module by a stand-in that loads the module when a member is first accessed or called. It works only
 * for CommonJS modules whose exports are used after load and whose load has no side effects.
 */
export const lazyModules: Plugin = {
  name: 'lazy-modules',
  setup({ onResolve, onLoad, resolve }) {
    onResolve(
      { filter: new RegExp(LAZY_MODULES.map(({ required }) => required.source).join('|')) },
      async (asked) => {
        const isLazy = LAZY_MODULES.some(
          ({ required, by }) => required.test(asked.path) && by.test(asked.importer),
        );
        if (asked.namespace !== 'file' || asked.pluginData === lazyModules || !isLazy) return undefined;
        const { path, errors } = await resolve(asked.path, {
          kind: asked.kind,
          importer: asked.importer,
          resolveDir: asked.resolveDir,
          pluginData: lazyModules,
        });
        // Paths in the bundle and its source map are relative to the project, and do not depend on the machine that
        // builds it.
        return { path: relative(process.cwd(), path).split(sep).join('/'), errors, namespace: 'lazy' };
      },
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      resolveDir: process.cwd(),
      contents: `
        let loaded;
        const load = () => (loaded ??= require(${JSON.stringify(`./${path}`)}));
        module.exports = new Proxy(function () {}, {
          get: (_, name) => load()[name],
          has: (_, name) => name in load(),
          apply: (_, self, args) => Reflect.apply(load(), self, args),
        });`,
    }));
  },
};
