import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gunzipSync, constants as zlib } from 'node:zlib';
import { AVRO_MAGIC, writeAvroAsLines } from './avroFile';
import type { FileShape, Suspicions } from './batchSql';
import { suspicionsOf } from './suspicions';
import { sqlText } from './query';

/** A file of events or of reference data, as DuckDB reads it. */
export interface InputFile {
  /** SQL of its rows: `json`, NULL where a row is no JSON, `body`, the text of it, and `__seq`, its number */
  rowsSql: string;
  /** a file of one payload per line: SQL of its lines, `line` and `__seq` */
  lines: { sql: string; suspicions: Suspicions } | undefined;
  shape: FileShape;
  /** removes what reading it needed */
  close: () => Promise<void>;
}

/** A file that is not what it is taken for. */
export class FormatError extends Error {}

/** What DuckDB tells of a file that it cannot read, and what it means. Its own texts have lines of the file in them. */
const UNREADABLE: readonly (readonly [told: RegExp, meaning: string])[] = [
  [/^Invalid Input Error: Malformed JSON in file/, 'the JSON array is malformed'],
  [/^Invalid Input Error: CSV Error .*\nMaximum line size of/s, 'a line is longer than 16 MiB'],
  [/^Invalid Input Error: "maximum_object_size"/, 'a value is larger than 16 MiB'],
  [/^Invalid Input Error: CSV Error .*file is not utf-8 encoded/s, 'the file is not UTF-8'],
  [/^Invalid Input Error: (CSV Error|Error when)/, 'the file cannot be read'],
];

/** What reading a file raises, as an error of the file. Anything else is given back as it is. */
export function raisedInFile(error: unknown, file: string): unknown {
  const meaning = UNREADABLE.find(([told]) => told.test((error as Error).message))?.[1];
  return meaning === undefined ? error : new FormatError(`${file}: ${meaning}`);
}

/** The largest JSON value of a file that is read, bytes. */
const MAX_VALUE_BYTES = 16 * 1_048_576;
/** DuckDB's own would be 16 times the longest line. */
const BUFFER_BYTES = 2 * MAX_VALUE_BYTES;
/** So much of a file tells its format, bytes. */
const SNIFFED_BYTES = 65_536;
/** A character that JSON only has escaped: a line is one column. */
const NO_DELIMITER = '\u001f';
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Opens a file of JSON lines, a JSON array, Avro or CSV with a header, perhaps compressed with gzip; `-` is standard input.
 *
 * @throws Error when it cannot be read, or has a format that is not covered
 */
export async function openInputFile(
  file: string,
  use: 'events' | 'reference' = 'events',
): Promise<InputFile> {
  const copies: string[] = [];
  const folder = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'asa-input-'));
    copies.push(made);
    return made;
  };
  const close = async (): Promise<void> => {
    for (const copy of copies) await rm(copy, { recursive: true, force: true });
  };
  try {
    let path = file;
    if (file === '-') {
      path = join(await folder(), 'input');
      await pipeline(process.stdin, createWriteStream(path));
    }
    const { start, isGzip } = await sniff(path);
    if (start.startsWith(AVRO_MAGIC)) {
      const lines = join(await folder(), 'input.ndjson');
      await writeAvroAsLines(path, isGzip, lines).catch((error: unknown) => {
        throw new FormatError(`${file}: ${(error as Error).message}`);
      });
      const strict = { oversized: false, loose: false };
      return { ...linesOf(lines, false, strict), shape: 'payload', close };
    }
    const isCsv = /\.csv(\.gz)?$/i.test(path);
    const compression = compressionOf(isGzip);
    if (isCsv) return { rowsSql: csvSql(path, compression), lines: undefined, shape: 'payload', close };
    if (isArray(start)) {
      // DuckDB takes a byte order mark for a part of the JSON.
      if (start.startsWith(BYTE_ORDER_MARK) && !isGzip) {
        const copy = join(await folder(), 'input.json');
        await pipeline(createReadStream(path, { start: 3 }), createWriteStream(copy));
        path = copy;
      }
      const rowsSql = `SELECT CASE WHEN asa_is_strict(CAST(json AS VARCHAR)) THEN json END AS json, CAST(json AS VARCHAR) AS body, row_number() OVER () AS __seq FROM read_json_objects(${sqlText(path)}, format = 'array', maximum_object_size = ${MAX_VALUE_BYTES}${compression})`;
      return { rowsSql, lines: undefined, shape: shapeOf(start), close };
    }
    const shape = shapeOf(start);
    // The rows of the feed and of reference data are each looked at anyway.
    if (shape === 'feed' || use === 'reference')
      return { ...linesOf(path, isGzip, UNKNOWN), lines: undefined, shape, close };
    const suspicions = isGzip ? UNKNOWN : await suspicionsOf(path);
    return { ...linesOf(path, isGzip, suspicions), shape, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const compressionOf = (isGzip: boolean): string => (isGzip ? ", compression = 'gzip'" : '');

const UNKNOWN: Suspicions = { oversized: true, loose: true };

function linesOf(
  path: string,
  isGzip: boolean,
  suspicions: Suspicions,
): Pick<InputFile, 'rowsSql' | 'lines'> {
  const sql = linesSql(path, compressionOf(isGzip));
  return { rowsSql: rowsOfLines(`(${sql})`), lines: { sql, suspicions } };
}

/** SQL of the rows of `lines`, a table of lines that may not be JSON. */
export const rowsOfLines = (lines: string): string =>
  `SELECT asa_read(line) AS json, line AS body, __seq FROM ${lines}`;

/** Lines that are not blank. The usual line is not trimmed, because that is slow. */
const linesSql = (path: string, compression: string): string =>
  `SELECT line, row_number() OVER () AS __seq FROM read_csv(${sqlText(path)}, columns = {'line': 'VARCHAR'}, header = false, auto_detect = false,
    delim = ${sqlText(NO_DELIMITER)}, quote = '', escape = '', strict_mode = false, new_line = '\\n', max_line_size = ${MAX_VALUE_BYTES}, buffer_size = ${BUFFER_BYTES}${compression})
    WHERE CASE WHEN starts_with(line, '{') THEN true ELSE trim(line, ' ' || chr(9) || chr(13)) NOT IN ('', chr(65279)) END`;

/** Without CREATE TABLE, the values of CSV are texts. */
const csvSql = (path: string, compression: string): string =>
  `SELECT to_json(one) AS json, CAST(NULL AS VARCHAR) AS body, row_number() OVER () AS __seq FROM read_csv(${sqlText(path)}, all_varchar = true, header = true${compression}) AS one`;

async function sniff(path: string): Promise<{ start: string; isGzip: boolean }> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    const bytes = buffer.subarray(0, bytesRead);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isGzip ? gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH }) : bytes;
    return { start: plain.toString('utf8'), isGzip };
  } finally {
    await handle.close();
  }
}

/** A line that is an array is a payload of several events; over several lines it is the file's own. */
function isArray(start: string): boolean {
  const text = start.replace(BYTE_ORDER_MARK, '').trimStart();
  return text.startsWith('[') && !/^\[[^\n]*\][ \t\r]*\n\s*\S/.test(text);
}

/** A line of the message feed has these fields, in whatever order. */
const FEED_FIELDS = ['partitionId', 'sequenceNumber', 'enqueuedTimeUtc', 'body'];

/** By the first event of the file. */
function shapeOf(start: string): FileShape {
  const [first = ''] = start
    .replace(BYTE_ORDER_MARK, '')
    .trimStart()
    .replace(/^\[/, '')
    .trimStart()
    .split('\n');
  return FEED_FIELDS.every((field) => first.includes(`"${field}"`)) ? 'feed' : 'payload';
}
