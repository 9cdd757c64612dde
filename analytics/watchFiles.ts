/** Watches files. */

import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileError } from './fileAccess';

/** Editors write a file in several steps: one change is told of them. */
const SETTLE_MS = 100;

/**
 * Calls back at once and after each change of the files, one call at a time, until the signal aborts. Folders are watched, since
 * editors replace files.
 *
 * @param filesOf returns the files, which a change may change; `*.js` at the end of a path stands for all scripts of a folder.
 *   They, and their folders, need not exist
 * @throws {UsageError} if a folder cannot be watched
 */
export async function watchFiles(
  filesOf: () => readonly string[],
  onChange: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let changed: () => void = () => undefined;
  let pending = Promise.resolve();
  let watchers: FSWatcher[] = [];
  const close = (): void => {
    for (const watcher of watchers) watcher.close();
  };
  const aborted = new Promise<void>((done) => {
    signal.addEventListener('abort', () => done(), { once: true });
  });
  /** The new watchers begin before the files are read, so no change is missed. */
  const rewatch = (): void => {
    pending = new Promise<void>((done) => (changed = done));
    close();
    watchers = [];
    for (const [folder, names] of namesByFolder(filesOf()))
      try {
        const watcher = watch(folder, (_, name) => {
          if (name !== null && (names.has(name) || names.has(`*${extname(name)}`))) changed();
        });
        // As when the folder is deleted on Windows.
        watchers.push(watcher.on('error', () => changed()));
      } catch (error) {
        throw fileError(folder, error);
      }
  };
  try {
    while (!isAborted(signal)) {
      rewatch();
      await onChange();
      await Promise.race([pending, aborted]);
      if (!isAborted(signal)) await delay(SETTLE_MS);
    }
  } finally {
    close();
  }
}

/** What to watch, by folder. Where a folder does not exist, its making is watched, in the next folder above. */
function namesByFolder(files: readonly string[]): Map<string, Set<string>> {
  const folders = new Map<string, Set<string>>();
  const add = (path: string): void => {
    const folder = dirname(path);
    if (!isFolder(folder)) {
      if (folder !== path) add(folder);
      return;
    }
    folders.set(folder, (folders.get(folder) ?? new Set()).add(basename(path)));
  };
  for (const file of files) {
    add(resolve(file));
    // All scripts of a folder may also come and go with it.
    if (basename(file).startsWith('*')) add(dirname(resolve(file)));
  }
  return folders;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Read anew: it may have aborted while something was awaited. */
const isAborted = ({ aborted }: AbortSignal): boolean => aborted;
