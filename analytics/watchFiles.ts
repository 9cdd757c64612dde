/** Watches files. */

import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileError } from './fileAccess';

/** Editors write a file in several steps: one change is told of them. */
const SETTLE_MS = 100;

/**
 * Calls back at once and after each change of the files, one call at a time, until the signal aborts. Folders are watched, since
 * editors replace files.
 *
 * @throws {UsageError} if a folder cannot be watched
 */
export async function watchFiles(
  files: readonly string[],
  onChange: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const folders = new Map<string, Set<string>>();
  for (const file of files) {
    const folder = dirname(resolve(file));
    folders.set(folder, (folders.get(folder) ?? new Set()).add(basename(file)));
  }
  let changed: () => void = () => undefined;
  let pending = new Promise<void>((done) => (changed = done));
  const watchers: FSWatcher[] = [];
  const aborted = new Promise<void>((done) => {
    signal.addEventListener('abort', () => done(), { once: true });
  });
  try {
    for (const [folder, names] of folders)
      try {
        const watcher = watch(folder, (_, name) => {
          if (name !== null && names.has(name)) changed();
        });
        watchers.push(watcher);
      } catch (error) {
        throw fileError(folder, error);
      }
    await onChange();
    while (!signal.aborted) {
      await Promise.race([pending, aborted]);
      if (isAborted(signal)) return;
      await delay(SETTLE_MS);
      pending = new Promise<void>((done) => (changed = done));
      await onChange();
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}

/** Read anew: it may have aborted while something was awaited. */
const isAborted = ({ aborted }: AbortSignal): boolean => aborted;
