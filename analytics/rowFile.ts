/** Writes the rows of an output to a file, in one or several parts. */

import { type FileHandle, copyFile, open, realpath, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileError } from './fileAccess';
import type { Statements } from './keptRows';
import { sqlText } from './query';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporaryFolders';

export interface RowFile {
  /** Appends the rows of a query with the column `row`, JSON. @throws {UsageError} if the file cannot be written */
  append: (rowsSql: string) => Promise<void>;
  /** Puts the rows in the place of the file, once all have been appended. Before, an earlier file stays as it is. */
  finish: () => Promise<void>;
  close: () => Promise<void>;
}

/**
 * Line breaks of JSON stand between values only. DuckDB would quote rows that have a # or a line break.
 */
const copySql = (rowsSql: string, file: string): string =>
  `COPY (SELECT CASE WHEN contains("row", chr(10)) OR contains("row", chr(13)) THEN translate("row", chr(10) || chr(13), '  ')
    ELSE "row" END FROM (${rowsSql})) TO ${sqlText(file)} (FORMAT csv, HEADER false, DELIMITER ${sqlText('\u001f')}, QUOTE '', ESCAPE '', NULLSTR '')`;

/** Memory for copying, bytes. */
const COPIED_BYTES = 1_048_576;

/**
 * DuckDB cannot append to a file, so it writes the first rows to a temporary file, and later ones to a part that is copied.
 * It would close a pipe between them, after which its reader ends, so all rows of a pipe are copied into one opened file.
 *
 * @param isOnePart whether rows are appended only once: then DuckDB writes them to the file itself
 */
export function createRowFile(connection: Statements, file: string, isOnePart: boolean): RowFile {
  let folder: string | undefined;
  let target: FileHandle | undefined;
  /** the temporary file with all rows so far, and the ordinary file whose place it takes */
  let collected: { file: string; place: string } | undefined;
  const copy = async (rowsSql: string, into: string): Promise<void> => {
    await connection.run(copySql(rowsSql, into)).catch((error: unknown) => {
      // The user knows the output and no temporary file.
      throw new Error((error as Error).message.replaceAll(into, file), { cause: error });
    });
  };
  const explained = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => {
      throw fileError(file, error);
    });
  };
  return {
    append: async (rowsSql) => {
      const place = target === undefined && collected === undefined ? await ordinaryFile(file) : undefined;
      if (place !== undefined && isOnePart) {
        await copy(rowsSql, place);
        return;
      }
      folder ??= place === undefined ? makeTemporaryFolder(PREFIX) : folderBeside(place);
      if (place !== undefined) {
        collected = { file: join(folder, 'rows'), place };
        await copy(rowsSql, collected.file);
        return;
      }
      const part = join(folder, 'part');
      await copy(rowsSql, part);
      await explained(async () => {
        target ??= collected === undefined ? await open(file, 'w') : await open(collected.file, 'a');
        await copyInto(target, part);
      });
    },
    finish: async () => {
      const all = collected;
      if (all === undefined) return;
      await explained(async () => {
        await target?.close();
        target = undefined;
        await rename(all.file, all.place).catch(() => copyFile(all.file, all.place));
      });
    },
    close: async () => {
      try {
        await target?.close();
      } finally {
        if (folder !== undefined) await removeTemporaryFolder(folder);
      }
    },
  };
}

const PREFIX = '.asa-rows-';

/** Beside the file, so that the rows can take its place at once. If that is not allowed, the rows are copied in the end. */
function folderBeside(file: string): string {
  try {
    return makeTemporaryFolder(PREFIX, dirname(file));
  } catch {
    return makeTemporaryFolder(PREFIX);
  }
}

/** The path, without links, of what is, or will be, an ordinary file; undefined for a pipe or a device. */
async function ordinaryFile(file: string): Promise<string | undefined> {
  const path = await realpath(file).catch(() => file);
  const found = await stat(path).catch(() => undefined);
  return found === undefined || found.isFile() ? path : undefined;
}

async function copyInto(target: FileHandle, from: string): Promise<void> {
  const source = await open(from);
  try {
    const buffer = Buffer.allocUnsafe(COPIED_BYTES);
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, COPIED_BYTES, null);
      if (bytesRead === 0) return;
      await target.appendFile(buffer.subarray(0, bytesRead));
    }
  } finally {
    await source.close();
  }
}
