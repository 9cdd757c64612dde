/** Writes the rows of an output to a file, in one or several parts. */

import { type FileHandle, copyFile, lstat, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
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
  /** the temporary file with all rows so far */
  let collected: string | undefined;
  const explained = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => {
      throw fileError(file, error);
    });
  };
  return {
    append: async (rowsSql) => {
      const toFile = target === undefined && collected === undefined && (await isRegular(file));
      if (toFile && isOnePart) {
        await connection.run(copySql(rowsSql, file));
        return;
      }
      folder ??= makeTemporaryFolder('asa-rows-');
      if (toFile) {
        await connection.run(copySql(rowsSql, (collected = join(folder, 'rows'))));
        return;
      }
      const part = join(folder, 'part');
      await connection.run(copySql(rowsSql, part));
      await explained(async () => {
        target ??= collected === undefined ? await open(file, 'w') : await open(collected, 'a');
        await copyInto(target, part);
      });
    },
    finish: async () => {
      const from = collected;
      if (from === undefined) return;
      await explained(async () => {
        await target?.close();
        target = undefined;
        // The temporary folder may be on another file system.
        await rename(from, file).catch(() => copyFile(from, file));
      });
    },
    close: async () => {
      await target?.close();
      if (folder !== undefined) await removeTemporaryFolder(folder);
    },
  };
}

/** Whether a path is, or will be, an ordinary file, and neither a pipe, nor a device, nor a link to these. */
async function isRegular(file: string): Promise<boolean> {
  const found = await lstat(file).catch(() => undefined);
  return found === undefined || found.isFile();
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
