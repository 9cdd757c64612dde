/** Prevents two emulators from using the same data folder. */

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataFolderError } from './dataFolderError';

const FILE = 'lock';
/** Number of the start time in /proc/<pid>/stat, counted after the name of the program (proc(5): field 22). */
const START_TIME_FIELD = 19;

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
  const own = ownerText(process.pid);
  for (;;) {
    try {
      writeFileSync(path, own, { flag: 'wx' });
      locked.add(folder);
      return () => {
        locked.delete(folder);
        rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = read(path);
    const pid = Number(owner.split(' ')[0]);
    // An owner with this process's own id ended before: in a container, each start has the same id.
    if (pid !== process.pid && pid > 0 && ownerText(pid) === owner) {
      throw inUse(folder, pid);
    }
    removeStale(path, owner);
  }
}

const inUse = (folder: string, pid: number) =>
  new DataFolderError(`the data folder ${folder} is used by another emulator (process ${pid})`);

/** Another start may replace the stale lock at the same time. Its new lock is put back. */
function removeStale(path: string, owner: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (read(aside) !== owner) linkSync(aside, path);
  } catch {
    // the other start was faster: the next attempt finds its lock
  }
  rmSync(aside, { force: true });
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
  return `${pid} ${stat === '' ? '' : (fields[START_TIME_FIELD] ?? '')}`;
}
