import { createReadStream, createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, constants as zlib } from 'node:zlib';
import { writeAvroAsLines } from './avroFile';
import type { FileShape, Suspicions } from './batchSql';
import {
  AVRO_MAGIC,
  BYTE_ORDER_MARK,
  type CsvFormat,
  type CsvHeader,
  csvHeader,
  isArray,
  isJson,
  isSpread,
  isValid,
  NOT_UTF8,
  readStart,
} from './fileFormat';
import { type Findings, suspicionsOf } from './suspicions';
import { makeTemporaryFolder, removeTemporaryFolder, temporaryFolderFull } from './temporaryFolders';
import { NEEDED_NAMES, sqlName, sqlText } from './query';

/** A file of events or of reference data, as DuckDB reads it. */
export interface InputFile {
  /** SQL of its rows: `json`, NULL where a row is no JSON, `body`, the text of it, and `__seq`, its number */
  rowsSql: string;
  /** a file of one payload per line, or of an array: SQL of its payloads, `line` and `__seq` */
  lines: { sql: string; suspicions: Suspicions } | undefined;
  shape: FileShape;
  isCsv: boolean;
  /** removes what reading it needed */
  close: () => Promise<void>;
}

/** A file whose format is not the expected one. */
export class FormatError extends Error {}

/** The error for a file of which no row can be used. @param declared whether CREATE TABLE gives the types of its rows */
export function noObjects(file: string, { isCsv }: InputFile, declared: boolean): FormatError {
  const fitting = declared ? ' that fits CREATE TABLE' : '';
  const advice = isCsv
    ? ''
    : `; if it is CSV, name it .csv, pass --csv ${file}, or set its format in the project`;
  return new FormatError(`${file}: none of its rows is a JSON object${fitting}${advice}`);
}

/** DuckDB's errors for a file that it cannot read, with their meaning. DuckDB's own texts contain lines of the file. */
const UNREADABLE: readonly (readonly [told: RegExp, meaning: string])[] = [
  [/^Invalid Input Error: Malformed JSON in file/, 'the JSON is malformed'],
  [/^Invalid Input Error: CSV Error .*\nMaximum line size of/s, 'a line is longer than 16 MiB'],
  [/^Invalid Input Error: "maximum_object_size"/, 'a value is larger than 16 MiB'],
  [/^Invalid Input Error: CSV Error .*file is not utf-8 encoded/s, NOT_UTF8],
  [/^Invalid Input Error: CSV Error .*unterminated quote/s, 'a quotation mark is not closed'],
  [/^Invalid Input Error: CSV Error/, 'the file cannot be read'],
  [/^IO Error: .*GZIP/, 'the file is not complete gzip'],
];

/** Of a row of CSV that has more or fewer values than the header. */
const UNEVEN = /CSV Error on Line: (\d+)\n([\s\S]*?)Expected Number of Columns: (\d+) Found: (\d+)/;

/** Converts an error while reading to an error of the file. Anything else is given back as it is. */
export function raisedInFile(error: unknown, file: string): unknown {
  const { message } = error as Error;
  const [, line, , header, row] = UNEVEN.exec(message) ?? [];
  const meaning =
    line === undefined
      ? UNREADABLE.find(([told]) => told.test(message))?.[1]
      : `line ${line} has ${row ?? ''} values, but the header has ${header ?? ''}`;
  return meaning === undefined ? error : new FormatError(`${file}: ${meaning}`);
}

/** Whether an error is that of a line that is not JSON. */
export const isMalformedJson = (error: unknown): boolean =>
  (error as Error).message.startsWith('Invalid Input Error: Malformed JSON at byte');

/** The largest JSON value of a file that is read, bytes. */
const MAX_VALUE_BYTES = 16 * 1_048_576;
/** DuckDB's own would be 16 times the longest line. */
const BUFFER_BYTES = 2 * MAX_VALUE_BYTES;
/** Number of bytes at the start of a file that determine its format. */
const SNIFFED_BYTES = 1_048_576;
/** Of a compressed file. No more than {@link SNIFFED_BYTES} of what they contain are read. */
const SNIFFED_GZIP_BYTES = 65_536;
/** A character that JSON contains only in escaped form, so that a line is one column. */
const NO_DELIMITER = '\u001f';

/**
 * Opens a file of JSON lines, a JSON array, Avro or CSV with a header, perhaps compressed with gzip; `-` is standard input.
 *
 * @param csv of a file that is CSV; without, the name tells
 * @throws Error when it cannot be read, or has a format that is not covered
 */
export async function openInputFile(
  file: string,
  use: 'events' | 'reference' = 'events',
  csv?: CsvFormat,
): Promise<InputFile> {
  const copies: string[] = [];
  const folder = (): string => {
    const made = makeTemporaryFolder('asa-input-');
    copies.push(made);
    return made;
  };
  const close = async (): Promise<void> => {
    for (const copy of copies) await removeTemporaryFolder(copy);
  };
  try {
    let path = file;
    // A pipe can be read only once, and DuckDB reads a file several times.
    if (file === '-' || !(await stat(file)).isFile()) {
      path = join(folder(), 'input');
      await copy(file === '-' ? process.stdin : createReadStream(file), path);
    }
    const { plain, isGzip, isWhole } = await sniff(path, file);
    if (isGzip) await requireWholeGzip(path, file);
    const read = readStart(plain, isGzip, isWhole);
    if ('problem' in read) throw new FormatError(`${file}: ${read.problem}`);
    const { start } = read;
    if (start === AVRO_MAGIC) {
      const lines = join(folder(), 'input.ndjson');
      await writeAvroAsLines(path, isGzip, lines).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw temporaryFolderFull();
        throw new FormatError(`${file}: ${(error as Error).message}`);
      });
      const suspicions = { oversized: false, loose: false, metadata: 'any case' } as const;
      const sql = linesSql(lines, compressionOf(false));
      return {
        rowsSql: rowsOfLines(`(${sql})`),
        lines: { sql, suspicions },
        shape: 'payload',
        isCsv: false,
        close,
      };
    }
    const isCsv = csv !== undefined || /\.csv(\.gz)?$/i.test(path);
    const compression = compressionOf(isGzip);
    if (isCsv) {
      if (isJson(start))
        throw new FormatError(
          `${file}: the file is JSON, but its ${csv === undefined ? 'name ends in .csv' : 'format is CSV'}`,
        );
      const header = csvHeader(start, isWhole, csv);
      if (!header)
        throw new FormatError(
          `${file}: the header is longer than 1 MiB, or a quotation mark in it is not closed`,
        );
      if (header.names.some((name) => name.includes('\0')))
        throw new FormatError(`${file}: the header has a NUL character`);
      const rowsSql = csvSql(path, compression, header);
      return { rowsSql, lines: undefined, shape: 'payload', isCsv, close };
    }
    const format = isSpread(start, isWhole) ? 'unstructured' : isArray(start, isWhole) ? 'array' : undefined;
    // DuckDB takes a byte order mark for a part of the JSON.
    if (format !== undefined && start.startsWith(BYTE_ORDER_MARK) && !isGzip) {
      const unmarked = join(folder(), 'input.json');
      await copy(createReadStream(path, { start: 3 }), unmarked);
      path = unmarked;
    }
    const sql = format === undefined ? linesSql(path, compression) : objectsSql(path, format, compression);
    const rowsSql = rowsOfLines(`(${sql})`);
    const shape = shapeOf(format === undefined ? firstWholeLine(start) : start);
    // Rows of the feed and of reference data are examined one by one anyway.
    if (shape === 'feed' || use === 'reference') return { rowsSql, lines: undefined, shape, isCsv, close };
    const { hasMetadata, ...found } = isGzip ? UNKNOWN : await suspicionsOf(path);
    const metadata = namesOtherwise(start) ? 'any case' : hasMetadata ? 'exact' : 'absent';
    return { rowsSql, lines: { sql, suspicions: { ...found, metadata } }, shape, isCsv, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Copies to a temporary file. @throws {UsageError} if the file cannot be read, or the copy cannot be written */
async function copy(from: NodeJS.ReadableStream, to: string): Promise<void> {
  await pipeline(from, createWriteStream(to)).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? temporaryFolderFull() : error;
  });
}

/** Set for each file, because DuckDB otherwise decides by the file's name. */
const compressionOf = (isGzip: boolean): string => `, compression = '${isGzip ? 'gzip' : 'uncompressed'}'`;

const UNKNOWN: Findings = { oversized: true, loose: true, hasMetadata: true };

/** Whether the start of a file has a name of the metadata in another case. */
const namesOtherwise = (start: string): boolean =>
  NEEDED_NAMES.some((name) =>
    (start.match(new RegExp(`"${name}"`, 'gi')) ?? []).some((found) => found !== `"${name}"`),
  );

/** SQL of the rows of `lines`, a table of lines that may not be JSON. */
export const rowsOfLines = (lines: string): string =>
  `SELECT asa_read(line) AS json, line AS body, __seq FROM ${lines}`;

/** Lines that are not blank. The usual line is not trimmed, because that is slow. */
const linesSql = (path: string, compression: string): string =>
  `SELECT line, row_number() OVER () AS __seq FROM read_csv(${sqlText(path)}, columns = {'line': 'VARCHAR'}, header = false, auto_detect = false,
    delim = ${sqlText(NO_DELIMITER)}, quote = '', escape = '', strict_mode = false, new_line = '\\n', max_line_size = ${MAX_VALUE_BYTES}, buffer_size = ${BUFFER_BYTES}${compression})
    WHERE CASE WHEN starts_with(line, '{') THEN true ELSE trim(line, ' ' || chr(9) || chr(13)) NOT IN ('', chr(65279)) END`;

/** The values of an array, or those that stand over several lines. */
const objectsSql = (path: string, format: 'array' | 'unstructured', compression: string): string =>
  `SELECT CAST(json AS VARCHAR) AS line, row_number() OVER () AS __seq
    FROM read_json_objects(${sqlText(path)}, format = '${format}', maximum_object_size = ${MAX_VALUE_BYTES}${compression})`;

/** Without CREATE TABLE, the values of CSV are texts. DuckDB itself would take another line as header if it fits better. */
const csvSql = (path: string, compression: string, { delimiter, names, skip }: CsvHeader): string =>
  `SELECT to_json({${names.map((one) => `${sqlText(one)}: ${sqlName(one)}`).join(', ')}}) AS json, CAST(NULL AS VARCHAR) AS body, row_number() OVER () AS __seq
    FROM read_csv(${sqlText(path)}, auto_detect = false, header = true, skip = ${skip}, columns = {${names.map((one) => `${sqlText(one)}: 'VARCHAR'`).join(', ')}},
      delim = ${sqlText(delimiter)}, quote = '"', escape = '"', comment = '', max_line_size = ${MAX_VALUE_BYTES}, buffer_size = ${BUFFER_BYTES}${compression})`;

/** DuckDB reads an incomplete gzip file without an error. */
async function requireWholeGzip(path: string, file: string): Promise<void> {
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() });
  await pipeline(createReadStream(path), createGunzip(), discard).catch((error: unknown) => {
    throw new FormatError(`${file}: the gzip data is incomplete or damaged (${(error as Error).message})`);
  });
}

interface Start {
  /** its first bytes, not compressed */
  plain: Buffer;
  isGzip: boolean;
  /** whether the file has no more than its start */
  isWhole: boolean;
}

async function sniff(path: string, file: string): Promise<Start> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    const isGzip = buffer[0] === 0x1f && buffer[1] === 0x8b;
    const sniffed = isGzip ? SNIFFED_GZIP_BYTES : SNIFFED_BYTES;
    const bytes = buffer.subarray(0, Math.min(bytesRead, sniffed));
    const plain = isGzip ? await gunzipStart(bytes) : bytes;
    const isWhole = bytesRead < sniffed && plain.length < SNIFFED_BYTES;
    return { plain, isGzip, isWhole };
  } catch (error) {
    throw new FormatError(`${file}: the gzip data is incomplete or damaged (${(error as Error).message})`);
  } finally {
    await handle.close();
  }
}

/** At most {@link SNIFFED_BYTES}: gzip can contain a thousand times its own length. */
async function gunzipStart(bytes: Buffer): Promise<Buffer> {
  const gunzip = createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH });
  gunzip.end(bytes);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= SNIFFED_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, SNIFFED_BYTES);
}

/** A line of the message feed has these fields, in whatever order. */
const FEED_FIELDS = ['partitionId', 'sequenceNumber', 'enqueuedTimeUtc', 'body'];

/** The first line that is an object; the whole text if none is. */
const firstWholeLine = (start: string): string =>
  start.split('\n').find((line) => line.trimStart().startsWith('{') && isValid(line)) ?? start;

/** The first object of the text decides this. */
function shapeOf(start: string): FileShape {
  const fields = firstFields(start);
  return FEED_FIELDS.every((field) => fields.has(field)) ? 'feed' : 'payload';
}

/** The names of the fields of the first object in a text, which may end within it. */
function firstFields(start: string): Set<string> {
  const fields = new Set<string>();
  let depth = 0;
  for (const [token, name] of start
    .slice(start.indexOf('{'))
    .matchAll(/"((?:[^"\\]|\\.)*)(?:"(?:\s*:)?|\\?$)|[{}[\]]/gs)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth === 1 && token.endsWith(':')) fields.add(name ?? '');
    if (depth === 0) break;
  }
  return fields;
}
