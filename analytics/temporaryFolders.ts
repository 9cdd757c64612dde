/** Temporary folders of this process, which are also removed when a signal ends it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './fileAccess';

const folders = new Set<string>();

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Makes an empty folder. No signal can arrive between its making and its entry in the list. */
export function makeTemporaryFolder(prefix: string, parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, prefix));
  folders.add(folder);
  return folder;
}

export const temporaryFolderFull = (): UsageError =>
  new UsageError(`the folder for temporary files (${tmpdir()}) has no space left`);

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/**
 * Runs work during which a signal removes the temporary folders. Then the signal ends the process as it would have
 * without: shells report exit code 130 or 143. A running query does not delay this, as `process.exit` would.
 */
export async function removingFoldersOnSignals(work: () => Promise<void>): Promise<void> {
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, end);
  };
  const end = (signal: NodeJS.Signals): void => {
    for (const folder of folders)
      try {
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      } catch {
        // A query that still runs may write to it. The process ends anyway.
      }
    release();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, end);
  try {
    await work();
  } finally {
    release();
  }
}
