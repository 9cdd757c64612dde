/** Recognizes the format of a file by its start. */

export const BYTE_ORDER_MARK = '\uFEFF';

const withoutMark = (start: string): string => start.replace(BYTE_ORDER_MARK, '');

/** Whether a text begins with an object or array in one line, or over several. */
export function isJson(start: string): boolean {
  const [line = ''] = withoutMark(start).trimStart().split('\n', 1);
  return (
    /^(\{\s*"|\[\s*[[{])/.test(line) || (/^[[{]\s*$/.test(line) && /^[[{]\s*["{}\]]/.test(start.trimStart()))
  );
}

/** Whether objects stand over several lines, or several in one line. The text may end within the first object. */
export function isSpread(start: string): boolean {
  const text = withoutMark(start).trimStart();
  if (!text.startsWith('{')) return false;
  const { end, open, lastComma, isMalformed } = firstValue(text);
  if (isMalformed) return false;
  if (end !== undefined) {
    const isAlone = /^[ \t\r]*(?:\n|$)/.test(text.slice(end));
    const isBeforeOther = /^[ \t\r]*\{/.test(text.slice(end));
    return ((isAlone && text.slice(0, end).includes('\n')) || isBeforeOther) && isValid(text.slice(0, end));
  }
  // An object of one line may be longer than the text.
  if (!text.includes('\n')) return false;
  const { at, brackets } = lastComma ?? { at: 1, brackets: open.slice(0, 1) };
  return isValid(`${text.slice(0, at)}${[...brackets].reverse().join('')}`);
}

interface FirstValue {
  /** behind the value; undefined if the text ends within it */
  end: number | undefined;
  /** the brackets that close what is open at the end of the text, the outermost first */
  open: string[];
  /** the last comma outside texts, with the brackets that close what is open there */
  lastComma: { at: number; brackets: string[] } | undefined;
  /** whether an object or array stands where a name is expected, as after a line that is not complete */
  isMalformed: boolean;
}

/** The most white space between a name and its value that is recognized, characters. */
const SPACE = 1_000;

function firstValue(text: string): FirstValue {
  const open: string[] = [];
  let lastComma: FirstValue['lastComma'];
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*(?:"|$)|[{}[\],]/gs)) {
    const isNested = token === '{' || token === '[';
    if (isNested && open.at(-1) === '}' && !/:\s*$/.test(text.slice(Math.max(0, index - SPACE), index)))
      return { end: undefined, open, lastComma, isMalformed: true };
    if (token === '{') open.push('}');
    else if (token === '[') open.push(']');
    else if (token === ',') lastComma = { at: index, brackets: [...open] };
    else if (token === open.at(-1)) {
      open.pop();
      if (open.length === 0) return { end: index + 1, open, lastComma, isMalformed: false };
    }
  }
  return { end: undefined, open, lastComma, isMalformed: false };
}

function isValid(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** A line that is an array is a payload of several events; over several lines it is the file's own. */
export function isArray(start: string): boolean {
  const text = withoutMark(start).trimStart();
  return text.startsWith('[') && !/^\[[^\n]*\][ \t\r]*\n\s*\S/.test(text);
}

/** The delimiters of CSV that Stream Analytics supports, except the space, which also occurs in names. */
const DELIMITERS = [',', ';', '\t', '|'];

export interface CsvHeader {
  delimiter: string;
  /** names of the columns, each different */
  names: string[];
  /** empty lines before the header */
  skip: number;
}

/** The header of CSV. Its delimiter is the one that it has most of. @returns undefined if its end is not in the text */
export function csvHeader(start: string, isWhole: boolean): CsvHeader | undefined {
  const text = withoutMark(start);
  const [blank = ''] = /^(?:\r?\n)*/.exec(text) ?? [];
  const [line = ''] = /^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(text.slice(blank.length)) ?? [];
  if (!isWhole && blank.length + line.length >= text.length) return undefined;
  const unquoted = line.replaceAll(/"(?:[^"]|"")*"/g, '');
  const count = (delimiter: string): number => unquoted.split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, one) => (count(one) > count(best) ? one : best));
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
