/** Exports the rows that match a filter, as CSV. */

import type { Job } from '../../analytics/job';
import { resultTable } from '../../analytics/job';
import { sqlName } from '../../analytics/query';
import { type Filter, filterSql } from './filter';
import { EVENT } from './measures';
import { eventOutput, hasRows, jsonRows } from './resultRows';

/** Number of rows per read, which limits the memory. */
const ROWS_AT_ONCE = 5_000;
/**
 * A spreadsheet would evaluate such a text as a formula (OWASP, "CSV Injection", and ASVS 1.2.10). Some spreadsheets in
 * East Asia read full-width signs, too.
 */
const FORMULA = /^[=+\-@\t\r\n\0＝＋－＠]/;
/** Without a byte order mark, Excel reads a CSV file in the code page of the computer. */
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * RFC 4180, with a header. The columns are those of the query's output. Rows are written once, also if their message
 * was sent twice, so that sums and counts equal the figures of the dashboard.
 */
export function createCsvExport(job: Job): (filter: Filter) => AsyncGenerator<string> {
  const output = eventOutput(job);
  return async function* (filter) {
    const names = output.columns.map(({ name }) => name);
    yield BYTE_ORDER_MARK + line(names);
    if (!(await hasRows(job.connection, output.name))) return;
    const where = filterSql(filter);
    const columns = names.map((name) => sqlName(name)).join(', ');
    const absent = output.missing.map((name) => `NULL AS ${name}`);
    const rowsOf = `(SELECT ${['rowid AS __rowid', '*', ...absent].join(', ')} FROM ${resultTable(output.name)})`;
    const written = new Set<unknown>();
    let after = -1;
    for (;;) {
      const rows = await jsonRows(
        job.connection,
        `SELECT __rowid, hash(${EVENT}, item_index) AS __key, ${columns} FROM ${rowsOf}
         WHERE __rowid > ${after} AND ${where} ORDER BY __rowid LIMIT ${ROWS_AT_ONCE}`,
      );
      if (rows.length === 0) return;
      const fresh = rows.filter(({ __key }) => !written.has(__key) && written.add(__key));
      yield fresh.map((row) => line(names.map((name) => row[name]))).join('');
      after = Number(rows.at(-1)?.__rowid);
    }
  };
}

const line = (values: readonly unknown[]): string => `${values.map(cell).join(',')}\r\n`;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
