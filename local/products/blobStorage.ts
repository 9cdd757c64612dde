import { endWithParent } from '../childProcess';

/** Azurite's Blob storage, with its own flags. It has no end of its own when its parent is gone. */
export function main(argv: readonly string[]): void {
  endWithParent();
  process.argv = [...process.argv.slice(0, 2), ...argv];
  // A program: it is run by loading it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  require('azurite/dist/src/blob/main.js');
}
