/** Prevents two emulators from using the same data folder. */

import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataFolderError } from './dataFolderError';

const FILE = 'lock';
/** Number of the start time in /proc/<pid>/stat, counted after the name of the program (proc(5): field 22). */
const START_TIME_FIELD = 19;
/** States of a process that has ended, but still has an entry: zombie and dead (proc(5)). */
const ENDED_STATE = /^[ZXx]$/;

/** Folders that this process has locked. */
const locked = new Set<string>();

/**
 * Locks a folder for this process. A lock whose process has ended is replaced.
 *
 * @returns a function that unlocks it
 * @throws DataFolderError if another process has locked it; Node's error if the folder cannot be written
 */
export function lockFolder(folder: string): () => void {
  if (locked.has(folder)) throw inUse(folder, process.pid);
  const path = join(folder, FILE);
  const temporary = `${path}.${randomUUID()}`;
  try {
    writeFileSync(temporary, ownerText(process.pid));
    while (!linkNew(temporary, path)) {
      const owner = read(path);
      const pid = Number(owner.split(' ')[0]);
      // An owner with this process's own id ended before: in a container, each start has the same id.
      if (pid !== process.pid && pid > 0 && ownerText(pid) === owner) throw inUse(folder, pid);
      removeStale(path, owner);
    }
  } finally {
    rmSync(temporary, { force: true });
  }
  locked.add(folder);
  return () => {
    locked.delete(folder);
    rmSync(path, { force: true });
  };
}

/** Links a complete file, so that no other start reads a lock without an owner. Returns whether the path was free. */
function linkNew(file: string, path: string): boolean {
  try {
    linkSync(file, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

const inUse = (folder: string, pid: number) =>
  new DataFolderError(`the data folder ${folder} is used by another emulator (process ${pid})`);

/** Another start may replace the stale lock at the same time. Its new lock is put back. */
function removeStale(path: string, owner: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return; // the other start was faster: the next attempt finds its lock
  }
  try {
    if (read(aside) !== owner) linkNew(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Identifies a running process: its id and, on Linux, its start time, because ids are used again. Empty: it has ended. */
function ownerText(pid: number): string {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return '';
  }
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (ENDED_STATE.test(fields[0] ?? '')) return '';
  return `${pid} ${stat === '' ? '' : (fields[START_TIME_FIELD] ?? '')}`;
}
