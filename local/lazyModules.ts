import { relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * Modules that the SDKs require at their top and that nothing here ever runs: they stay in the bundle, and are evaluated
 * with the first use of one of their members.
 */
const LAZY_MODULES: readonly { required: RegExp; by: RegExp; why: string }[] = [
  { required: /^lodash$/, by: /azure-iot/, why: 'device twins alone compare and merge objects with it' },
  { required: /^\.\/client-h2\.js$/, by: /undici/, why: 'HTTP/2, which the hub is never asked for' },
];

/**
 * Gives who requires one of those modules a stand-in that loads the module when it is first looked at or called. Only
 * for CommonJS modules whose exports are used after load, and which nothing waits for to be loaded.
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
        // Paths stand in the bundle and its source map: those of the project, not of the machine that builds it.
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
