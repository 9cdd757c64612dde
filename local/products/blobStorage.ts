import { runAsChild } from '../childProcess';

/** Azurite's Blob storage, with its own flags. */
export function main(argv: readonly string[]): void {
  runAsChild();
  process.argv = [...process.argv.slice(0, 2), ...argv];
  // The package is a program, which runs when it is loaded.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  require('azurite/dist/src/blob/main.js');
}
