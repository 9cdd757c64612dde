/** Exports the rows that match a filter, as CSV. */

import type { Job } from '../../analytics/job';
import { resultTable } from '../../analytics/job';
import { sqlName } from '../../analytics/query';
import { type Filter, filterSql } from './filter';
import { eventOutput, hasRows, jsonRows } from './resultRows';

/** Number of rows per read, which limits the memory. */
const ROWS_AT_ONCE = 5_000;
/** A spreadsheet would evaluate such a text as a formula (OWASP, "CSV Injection"). */
const FORMULA = /^[=+\-@\t\r]/;

/** RFC 4180, with a header, one row per event. The columns are those of the query's output. */
export function createCsvExport(job: Job): (filter: Filter) => AsyncGenerator<string> {
  const output = eventOutput(job);
  return async function* (filter) {
    const names = output.columns.map(({ name }) => name);
    yield line(names);
    if (!(await hasRows(job.connection, output.name))) return;
    const where = filterSql(filter);
    const columns = names.map((name) => sqlName(name)).join(', ');
    let after = -1;
    for (;;) {
      const rows = await jsonRows(
        job.connection,
        `SELECT rowid AS __rowid, ${columns} FROM ${resultTable(output.name)}
         WHERE rowid > ${after} AND ${where} ORDER BY rowid LIMIT ${ROWS_AT_ONCE}`,
      );
      if (rows.length === 0) return;
      yield rows.map((row) => line(names.map((name) => row[name]))).join('');
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
