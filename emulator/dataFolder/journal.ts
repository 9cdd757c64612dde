/** Keeps the small state of a hub: identities, twins, cloud-to-device messages, file uploads and jobs. */

import { readFileSync, renameSync, rmSync } from 'node:fs';
import { closeAll } from '../closeAll';
import { IotHubError } from '../iotHubError';
import type { DataFolderLog } from './dataFolderError';
import { damaged, readRecords, RecordFile } from './recordFile';

/** A key with its new value; without a value, the key is deleted. */
export type Change = readonly [key: string, value?: unknown];

/** Values by key. Values are JSON. A key has the form `<kind>/<name>`. */
export interface Journal {
  /** The values of a kind as they were when the emulator started, by name. Call it once for each kind. */
  read(kind: string): ReadonlyMap<string, unknown>;
  /**
   * Writes all changes or none. When it returns, they survive the end of this process.
   *
   * @throws IotHubError ServiceUnavailable if the write fails
   */
  write(...changes: readonly Change[]): void;
  /** Deletes values that nothing reads any more. A failure is only logged. */
  forget(...keys: readonly string[]): void;
}

/** The journal of a hub that is kept in memory. */
export const NO_JOURNAL: Journal = { read: () => new Map(), write: () => undefined, forget: () => undefined };

/** A journal is rewritten when its old values take more than this, and more than its last values. */
const MIN_WASTE_BYTES = 4 * 1024 * 1024;

export interface JournalFile extends Journal {
  close(): void;
}

/** Where a key's last value is in the file, and its share of that record. */
interface Place {
  readonly position: number;
  readonly bytes: number;
}

/** @throws as `RecordFile.open` */
export function openJournal(path: string, log: DataFolderLog): JournalFile {
  const newPath = `${path}.new`;
  rmSync(newPath, { force: true }); // left by a rewrite that did not end
  const values = new Map<string, unknown>();
  let index = createIndex();
  let file = RecordFile.open(path, log, (content, position) => {
    const changes = parseChanges(content);
    index.add(changes, position, content.length);
    for (const [key, value] of changes) {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    }
  });

  /** Writes the last values to a new file, which then replaces this one. If that fails, this file stays. */
  const rewrite = (): void => {
    let isInUse = false;
    const newLog: DataFolderLog = {
      warn: log.warn,
      // Until the new file is in use, a failure concerns no request.
      attempt: (write) => (isInUse ? log.attempt(write) : write()),
    };
    let newFile: RecordFile | undefined;
    const newIndex = createIndex();
    try {
      rmSync(newPath, { force: true });
      const opened = (newFile = RecordFile.open(newPath, newLog, () => undefined));
      const end = readRecords(readFileSync(path), (content, position) => {
        const changes = parseChanges(content).filter(([key]) => index.positionOf(key) === position);
        if (changes.length === 0) return;
        const kept = Buffer.from(JSON.stringify(changes));
        newIndex.add(changes, opened.bytes, kept.length);
        opened.append([[kept]]);
      });
      if (end !== file.bytes) throw damaged(path, end);
      opened.sync();
      renameSync(newPath, path);
    } catch (error) {
      newFile?.close();
      const { code, message } = error as NodeJS.ErrnoException;
      log.warn(`${path}: could not be rewritten (${code ?? message})`);
      removeIfPossible(newPath);
      return;
    }
    isInUse = true;
    file.close();
    file = newFile;
    index = newIndex;
  };

  let rewriteFrom = 0;
  const rewriteIfWasteful = (): void => {
    const useful = index.bytes();
    if (file.bytes < rewriteFrom || file.bytes - useful < Math.max(MIN_WASTE_BYTES, useful)) return;
    rewriteFrom = file.bytes + MIN_WASTE_BYTES; // if the rewrite fails, the next one waits
    rewrite();
    rewriteFrom = Math.min(rewriteFrom, file.bytes + MIN_WASTE_BYTES);
  };
  rewriteIfWasteful();

  const write: Journal['write'] = (...changes) => {
    if (changes.length === 0) return;
    const content = Buffer.from(JSON.stringify(changes));
    const position = file.bytes;
    file.append([[content]]);
    index.add(changes, position, content.length);
    rewriteIfWasteful();
  };
  return {
    write,
    forget(...keys) {
      try {
        write(...keys.map((key) => [key] as const));
      } catch (error) {
        if (!(error instanceof IotHubError)) throw error;
      }
    },
    read(kind) {
      const found = new Map<string, unknown>();
      const prefix = `${kind}/`;
      for (const [key, value] of values) {
        if (!key.startsWith(prefix)) continue;
        found.set(key.slice(prefix.length), value);
        values.delete(key);
      }
      return found;
    },
    close() {
      closeAll([() => file.sync(), () => file.close()]);
    },
  };
}

/** Records which parts of the file are the last values. */
function createIndex() {
  const places = new Map<string, Place>();
  let useful = 0;
  return {
    add(changes: readonly Change[], position: number, bytes: number): void {
      for (const [key, value] of changes) {
        useful -= places.get(key)?.bytes ?? 0;
        places.delete(key);
        if (value === undefined) continue;
        const share = bytes / changes.length;
        useful += share;
        places.set(key, { position, bytes: share });
      }
    },
    positionOf: (key: string): number | undefined => places.get(key)?.position,
    bytes: (): number => useful,
  };
}

/** The next rewrite, or the next start, tries again. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The caller has reported that the disk fails.
  }
}

const parseChanges = (content: Buffer): Change[] => JSON.parse(content.toString('utf8')) as Change[];
