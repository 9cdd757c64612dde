import { type DuckDBConnection, DuckDBTimestampValue } from '@duckdb/node-api';
import { openInputFile, raisedInFile } from './inputFile';
import { type ReferenceUse, referenceColumn, referenceTable, sqlName, sqlText } from './query';

/** The reference data of a query. Each event is joined with the version that was valid at its time. */
export interface References {
  /** the names in the query */
  names: readonly string[];
  /**
   * Loads a snapshot: a JSON array of objects, one object per line, or CSV. From its time on, it replaces the previous
   * one. The first snapshot also applies to earlier events.
   *
   * @returns its number of rows
   * @throws Error if the file has another format; the loaded snapshots are kept
   */
  load: (name: string, file: string, validFromUs: number) => Promise<number>;
  /** deletes the versions that are not valid for events at or after this time */
  prune: (name: string, beforeUs: number) => Promise<void>;
}

export async function createReferences(
  connection: DuckDBConnection,
  uses: readonly ReferenceUse[],
): Promise<References> {
  const loaded = new Set<string>();
  for (const use of uses) {
    const columns = [...use.fields.keys()]
      .map((field) => `${sqlName(referenceColumn(field))} JSON, `)
      .join('');
    await connection.run(
      `CREATE TABLE ${sqlName(referenceTable(use.name))} (${columns}event JSON, __row BIGINT, valid_from TIMESTAMP, valid_to TIMESTAMP)`,
    );
  }
  const find = (name: string): ReferenceUse => {
    const use = uses.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!use) throw new Error(`the query joins no reference data called '${name}'`);
    return use;
  };
  return {
    names: uses.map(({ name }) => name),
    load: async (name, file, validFromUs) => {
      const use = find(name);
      const table = sqlName(referenceTable(use.name));
      const first = !loaded.has(table);
      const from = first ? "TIMESTAMP '0001-01-01'" : '$from';
      const values = first ? {} : { from: new DuckDBTimestampValue(BigInt(validFromUs)) };
      const fields = [...use.fields.values()].map((field) => `asa_field(json, ${sqlText(field)}), `).join('');
      const opened = await openInputFile(file, 'reference');
      await connection.run('BEGIN');
      try {
        if (!first)
          await connection.run(`UPDATE ${table} SET valid_to = $from WHERE valid_to > $from`, values);
        const inserted = await connection.run(
          `INSERT INTO ${table} SELECT ${fields}${use.wholeRows ? 'json' : 'NULL'}, row_number() OVER (), ${from}, TIMESTAMP '9999-12-31'
           FROM (${opened.rowsSql}) WHERE json_type(json) = 'OBJECT'`,
          values,
        );
        if (inserted.rowsChanged === 0 && (await hasRows(connection, opened.rowsSql)))
          throw new Error('none of its rows is a JSON object');
        await connection.run('COMMIT');
        loaded.add(table);
        return inserted.rowsChanged;
      } catch (error) {
        await connection.run('ROLLBACK');
        throw raisedInFile(error, file);
      } finally {
        await opened.close();
      }
    },
    prune: async (name, beforeUs) => {
      const table = sqlName(referenceTable(find(name).name));
      await connection.run(
        `CREATE OR REPLACE TABLE ${table} AS SELECT * FROM ${table} WHERE valid_to > $before`,
        {
          before: new DuckDBTimestampValue(BigInt(beforeUs)),
        },
      );
    },
  };
}

async function hasRows(connection: DuckDBConnection, rowsSql: string): Promise<boolean> {
  return (await connection.runAndReadAll(`SELECT 1 FROM (${rowsSql}) LIMIT 1`)).currentRowCount > 0;
}
