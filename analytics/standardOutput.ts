/** Guards standard output, which may be a pipe that closes early, or a full disk. */

import { fileError } from './fileAccess';

let isGuarded = false;

/**
 * Keeps the process from crashing when standard output fails. A pipe that its reader closes, such as `head`, is no error.
 *
 * @param exitCode of any other failure
 */
export function guardStandardOutput(exitCode: number): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    console.error(`error: ${fileError('standard output', error).message}`);
    process.exitCode = exitCode;
  });
}
