import type { DuckDBConnection } from '@duckdb/node-api';
import { timestamp } from './duckdbTimestamp';
import { FormatError, type InputFile, noObjects, openInputFile, raisedInFile } from './inputFile';
import {
  type ReferenceUse,
  referenceColumn,
  referenceRowFields,
  referenceTable,
  sqlName,
  sqlText,
} from './query';
import { type ReferenceVersion, createReferenceVersions } from './referenceVersions';

/** An opened file of reference data. */
export interface ReferenceFile {
  /** its name in errors */
  file: string;
  opened: InputFile;
}

/** The reference data of a query. Each event is joined with the version that was valid at its time. */
export interface References {
  /** the names in the query */
  names: readonly string[];
  /**
   * Loads a snapshot: a JSON array of objects, one object per line, or CSV. From its time on, it replaces the previous
   * one. The first snapshot also applies to earlier events. Versions that no later row can need are removed.
   *
   * @param path stored with the version
   * @param origin stored with the version, see {@link References.resume}
   * @returns its number of rows
   * @throws {FormatError} if the file has another format; the loaded snapshots are kept
   */
  load: (name: string, file: string, validFromUs: number, path?: string, origin?: string) => Promise<number>;
  /**
   * Loads files as one snapshot that is valid at all times.
   *
   * @returns its number of rows
   * @throws Error if a file has another format
   */
  loadFiles: (name: string, files: readonly ReferenceFile[]) => Promise<number>;
  /**
   * The newest version that a state holds of this reference data; undefined if it holds none. Versions of another origin
   * are removed.
   *
   * @param origin names the place of the snapshots, such as their container and path pattern
   */
  resume: (name: string, origin: string) => Promise<ReferenceVersion | undefined>;
}

/**
 * @param schema of the tables in SQL, which the SQL of plans need not name; they may exist if it is in a file
 * @param neededFromUs returns a time before which no later row is: versions that end before it are removed
 */
export async function createReferences(
  connection: DuckDBConnection,
  uses: readonly ReferenceUse[],
  schema = 'main',
  neededFromUs: () => number = () => -Infinity,
): Promise<References> {
  const tableOf = ({ name }: ReferenceUse): string => `${schema}.${sqlName(referenceTable(name))}`;
  for (const use of uses) {
    const columns = [...use.fields.keys()]
      .map((field) => `${sqlName(referenceColumn(field))} JSON, `)
      .join('');
    await connection.run(
      `CREATE TABLE IF NOT EXISTS ${tableOf(use)} (${columns}event JSON, __row BIGINT, valid_from TIMESTAMP, valid_to TIMESTAMP)`,
    );
  }
  const versions = uses.length > 0 ? await createReferenceVersions(connection, schema) : undefined;
  const find = (name: string): ReferenceUse => {
    const use = uses.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!use) throw new Error(`the query joins no reference data called '${name}'`);
    return use;
  };
  async function replace(
    name: string,
    files: readonly ReferenceFile[],
    { path, validFromUs, origin }: { path: string; validFromUs: number; origin: string },
  ): Promise<number> {
    const use = find(name);
    const table = tableOf(use);
    const first = (await versions?.newest(table)) === undefined;
    const from = first ? "TIMESTAMP '0001-01-01'" : '$from';
    const values = first ? {} : { from: timestamp(validFromUs) };
    const fields = [...use.fields.values()].map((field) => `asa_field(json, ${sqlText(field)}), `).join('');
    await connection.run('BEGIN');
    try {
      if (!first) await connection.run(`UPDATE ${table} SET valid_to = $from WHERE valid_to > $from`, values);
      let rows = 0;
      for (const { file, opened } of files)
        try {
          const { rowsChanged } = await connection.run(
            `INSERT INTO ${table} SELECT ${fields}${use.wholeRows ? 'json' : 'NULL'}, ${rows} + row_number() OVER (), ${from}, TIMESTAMP '9999-12-31'
             FROM (${fittingRows(use, opened.rowsSql)}) WHERE json_type(json) = 'OBJECT'`,
            values,
          );
          if (rowsChanged === 0 && (await hasRows(connection, opened.rowsSql)))
            throw noObjects(file, opened, use.declared.size > 0);
          rows += rowsChanged;
        } catch (error) {
          throw raisedInFile(error, file);
        }
      await versions?.add(table, origin, { path, validFromUs, rows });
      await versions?.prune(table, neededFromUs());
      await connection.run('COMMIT');
      return rows;
    } catch (error) {
      await connection.run('ROLLBACK');
      throw error;
    }
  }
  return {
    names: uses.map(({ name }) => name),
    load: async (name, file, validFromUs, path = file, origin = '') => {
      const opened = await openInputFile(file, 'reference').catch((error: unknown) => {
        throw error instanceof FormatError
          ? new FormatError(error.message.replace(`${file}: `, () => `${path}: `))
          : error;
      });
      try {
        return await replace(name, [{ file: path, opened }], { path, validFromUs, origin });
      } finally {
        await opened.close();
      }
    },
    loadFiles: (name, files) =>
      replace(name, files, { path: files.map(({ file }) => file).join(', '), validFromUs: 0, origin: '' }),
    resume: async (name, origin) => {
      const table = tableOf(find(name));
      await versions?.removeOthers(table, origin);
      return versions?.newest(table);
    },
  };
}

/** SQL of rows, with the types of CREATE TABLE. `json` is NULL where a row does not fit. */
function fittingRows({ declared }: ReferenceUse, rowsSql: string): string {
  if (declared.size === 0) return rowsSql;
  const fields = referenceRowFields(declared);
  const rows = `SELECT CASE WHEN json_type(json) = 'OBJECT' THEN json END AS event FROM (${rowsSql})`;
  return `SELECT event AS json FROM (${fields.fitting(fields.select(rows))})`;
}

async function hasRows(connection: DuckDBConnection, rowsSql: string): Promise<boolean> {
  return (await connection.runAndReadAll(`SELECT 1 FROM (${rowsSql}) LIMIT 1`)).currentRowCount > 0;
}
