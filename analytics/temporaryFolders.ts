/** Temporary folders of this process, which are also removed when a signal ends it, or else by a later run. */

import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './fileAccess';

const folders = new Set<string>();
/** folders in which the leftovers of killed runs have been removed */
const tidied = new Set<string>();

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Begins the names of all temporary folders, perhaps after a dot. */
const OWN = 'asa-';
const MACHINE_CHARACTERS = 8;
let machine: string | undefined;

/**
 * Names what numbers the processes: this machine, or this container. Others may share the folder, and their processes
 * cannot be looked for here.
 */
function machineName(): string {
  let numbering = '';
  try {
    numbering = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Only Linux has it.
  }
  return createHash('sha256').update(`${hostname()} ${numbering}`).digest('hex').slice(0, MACHINE_CHARACTERS);
}

/**
 * Makes an empty folder. No signal can arrive between its making and its entry in the list.
 *
 * @param prefix begins with `asa-`, perhaps after a dot, and ends with `-`
 */
export function makeTemporaryFolder(prefix: string, parent = tmpdir()): string {
  machine ??= machineName();
  if (!tidied.has(parent)) removeLeftovers(parent, machine);
  tidied.add(parent);
  const folder = mkdtempSync(join(parent, `${prefix}${machine}-${process.pid}-`));
  folders.add(folder);
  return folder;
}

/** Removes what runs of this user have left in a folder that could not do so themselves, as after `kill -9`. */
function removeLeftovers(parent: string, ofMachine: string): void {
  const leftover = new RegExp(`^\\.?${OWN}[a-z]+-${ofMachine}-(\\d+)-[^.]+$`);
  try {
    for (const name of readdirSync(parent)) {
      const number = leftover.exec(name)?.[1];
      if (number === undefined || isAlive(Number(number))) continue;
      const folder = join(parent, name);
      const found = lstatSync(folder, { throwIfNoEntry: false });
      const isOwn = found?.isDirectory() === true && (process.getuid?.() ?? found.uid) === found.uid;
      if (isOwn) rmSync(folder, { recursive: true, force: true });
    }
  } catch {
    // Another run may remove the same ones, or the folder may not be readable. This run does not need them removed.
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

export const temporaryFolderFull = (): UsageError =>
  new UsageError(`the folder for temporary files (${tmpdir()}) has no space left`);

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/**
 * Runs work during which a signal removes the temporary folders. Then the signal ends the process as it would have
 * without: shells report exit code 130, 143 or 129. A running query does not delay this, as `process.exit` would.
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
