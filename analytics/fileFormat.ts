/** Recognizes the format of a file by its start. */

export const BYTE_ORDER_MARK = '\uFEFF';

/** A container file of Avro begins with these. */
export const AVRO_MAGIC = 'Obj\u0001';

export const NOT_UTF8 = 'the file is not UTF-8';

/** How files of formats begin that are not supported, in Latin-1. */
const OTHER_FORMATS: readonly (readonly [start: string, told: string])[] = [
  ['PK\x03\x04', 'the file is a zip archive'],
  ['\x28\xb5\x2f\xfd', 'the file is compressed with zstd'],
  ['BZh91AY&SY', 'the file is compressed with bzip2'],
  ['\xfd7zXZ\0', 'the file is compressed with xz'],
  ['PAR1\x15', 'the file is Parquet'],
];
const OTHER_FORMAT_BYTES = 16;
const GZIP = '\x1f\x8b';
/** UTF-16 or UTF-32 without a byte order mark: the first character is one of ASCII (RFC 4627, section 3). */
const OTHER_ENCODING = /^(?:[^\0]\0|\0[^\0]|\0\0\0[^\0])/;

/**
 * The start of a file as text. Only the first bytes of Avro are one.
 *
 * @param plain its first bytes, not compressed
 * @param isWhole whether the file has no more than these
 * @returns the text, or what is wrong with the file
 */
export function readStart(
  plain: Buffer,
  isGzip: boolean,
  isWhole: boolean,
): { start: string } | { problem: string } {
  const first = plain.toString('latin1', 0, OTHER_FORMAT_BYTES);
  if (first.startsWith(AVRO_MAGIC)) return { start: AVRO_MAGIC };
  if (isGzip && first.startsWith(GZIP)) return { problem: 'the file is compressed twice with gzip' };
  const other = OTHER_FORMATS.find(([start]) => first.startsWith(start));
  if (other)
    return { problem: `${other[1]}, which is not supported: use JSON, CSV or Avro, perhaps with gzip` };
  try {
    if (OTHER_ENCODING.test(first)) return { problem: NOT_UTF8 };
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return { start: decoder.decode(plain, { stream: !isWhole }) };
  } catch {
    return { problem: NOT_UTF8 };
  }
}

const withoutMark = (start: string): string => start.replace(BYTE_ORDER_MARK, '');

/** Whether a text begins with an object or array in one line, or over several. */
export function isJson(start: string): boolean {
  const [line = ''] = withoutMark(start).trimStart().split('\n', 1);
  return (
    /^(\{\s*"|\[\s*[[{])/.test(line) || (/^[[{]\s*$/.test(line) && /^[[{]\s*["{}\]]/.test(start.trimStart()))
  );
}

/**
 * Whether objects stand over several lines, or several in one line. The text may end within the first object.
 *
 * @param isWhole whether the file has no more than the text
 */
export function isSpread(start: string, isWhole: boolean): boolean {
  const text = withoutMark(start).trimStart();
  if (!text.startsWith('{')) return false;
  const { end, lastComma, isMalformed } = firstValue(text);
  if (isMalformed) return false;
  if (end !== undefined) {
    const isAlone = /^[ \t\r]*(?:\n|$)/.test(text.slice(end));
    const isBeforeOther = /^[ \t\r]*\{/.test(text.slice(end));
    return ((isAlone && text.slice(0, end).includes('\n')) || isBeforeOther) && isValid(text.slice(0, end));
  }
  // An object of one line may be longer than the text.
  if (!text.includes('\n')) return false;
  if ((isWhole || lastComma === undefined) && isSecondLineWhole(text)) return false;
  const read = text.slice(0, lastComma ?? 1);
  return isValid(`${read}${firstValue(read).open.reverse().join('')}`);
}

interface FirstValue {
  /** behind the value; undefined if the text ends within it */
  end: number | undefined;
  /** the brackets that close what is open at the end of the text, the outermost first */
  open: string[];
  /** index of the last comma outside texts */
  lastComma: number | undefined;
  /** whether an object, an array or a line break is where none can be, as after a line that is not complete */
  isMalformed: boolean;
}

/** Texts (with their closing quotation mark as group), brackets, commas, colons, and other values. */
const TOKEN = /"(?:[^"\\\n]|\\[^\n])*("?)|[{}[\],:]|[^\s"{}[\],:]+/g;

/** Looks at each character once, because the text may be anything. */
function firstValue(text: string): FirstValue {
  const open: string[] = [];
  let lastComma: number | undefined;
  let before = '';
  const result = (end?: number, isMalformed = false): FirstValue => ({ end, open, lastComma, isMalformed });
  for (const { 0: token, 1: closing, index } of text.matchAll(TOKEN)) {
    const inner = open.at(-1);
    if (token === '{' || token === '[') {
      const isExpected = inner === '}' ? before === ':' : ['', '[', ','].includes(before);
      if (!isExpected) return result(undefined, true);
      open.push(token === '{' ? '}' : ']');
    } else if (token === '}' || token === ']') {
      if (token !== inner) return result(undefined, true);
      open.pop();
      if (open.length === 0) return result(index + 1);
    } else if (token === ',') lastComma = index;
    else if (closing === '' && /^\\?\n/.test(text.slice(index + token.length, index + token.length + 2)))
      return result(undefined, true);
    before = token;
  }
  return result();
}

/** Whether the second line that is not blank is a whole object or array. */
function isSecondLineWhole(text: string): boolean {
  const [, second = ''] = /^[^\n]*\n\s*([^\n]*)/.exec(text) ?? [];
  return /^[{[]/.test(second) && isValid(second);
}

export function isValid(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/**
 * A line that is an array is a payload of several events; over several lines it is the file's own.
 *
 * @param isWhole whether the file has no more than the text
 */
export function isArray(start: string, isWhole: boolean): boolean {
  const text = withoutMark(start).trimStart();
  if (!text.startsWith('[') || /^\[[^\n]*\][ \t\r]*\n\s*\S/.test(text)) return false;
  if (!isSecondLineWhole(text)) return true;
  const { end, isMalformed } = firstValue(text);
  return end !== undefined || !(isMalformed || isWhole);
}

/** The delimiters of CSV that Stream Analytics supports, except the space, which also occurs in names. */
const DELIMITERS = [',', ';', '\t', '|'];

/** How CSV is written, where that is known before it is read. */
export interface CsvFormat {
  delimiter: string | undefined;
}

export interface CsvHeader {
  delimiter: string;
  /** names of the columns, each different */
  names: string[];
  /** empty lines before the header */
  skip: number;
}

/**
 * The header of CSV. If its delimiter is not known, it is the one that the header has most of.
 *
 * @returns undefined if its end is not in the text
 */
export function csvHeader(start: string, isWhole: boolean, known?: CsvFormat): CsvHeader | undefined {
  const text = withoutMark(start);
  const [blank = ''] = /^(?:\r?\n)*/.exec(text) ?? [];
  const [line = ''] = /^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(text.slice(blank.length)) ?? [];
  if (!isWhole && blank.length + line.length >= text.length) return undefined;
  const unquoted = line.replaceAll(/"(?:[^"]|"")*"/g, '');
  const count = (delimiter: string): number => unquoted.split(delimiter).length;
  const delimiter =
    known?.delimiter ?? DELIMITERS.reduce((best, one) => (count(one) > count(best) ? one : best));
  const names = new Map<string, string>();
  for (const [i, cell] of splitRow(line, delimiter).entries()) {
    const title = cell === '' ? `column${i}` : cell;
    let name = title;
    for (let copy = 1; names.has(name.toLowerCase()); copy += 1) name = `${title}_${copy}`;
    names.set(name.toLowerCase(), name);
  }
  return { delimiter, names: [...names.values()], skip: blank.split('\n').length - 1 };
}

function splitRow(line: string, delimiter: string): string[] {
  const cells: string[] = [''];
  for (const [token] of line.matchAll(/"(?:[^"]|"")*"|[^]/g))
    if (token === delimiter) cells.push('');
    else cells.push(`${cells.pop() ?? ''}${token}`);
  return cells.map((cell) => {
    const trimmed = cell.trim();
    return /^"[^]*"$/.test(trimmed) ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed;
  });
}
