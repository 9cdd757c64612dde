/** Finds what DuckDB reads as JSON although it is not (RFC 8259): a comma before a closing bracket, NaN and infinity. */

const COMMA = /,[ \t\r\n]*[}\]]/;
/** The whole word: texts often contain others that begin with it, such as "information". */
const NOT_FINITE = /[:,[ \t\r\n-](?:nan|inf(?:inity)?)[,}\] \t\r\n]/i;
/** Apart from {@link NOT_FINITE}, because this alternative would make it slower. */
const NOT_FINITE_AT_START = /^(?:nan|inf(?:inity)?)(?:[ \t\r\n]|$)/i;
/** An unclosed text goes up to the end: looking for its end from each of its quotes would take quadratic time. */
const TEXT = /"(?:[^"\\]|\\.)*(?:"|\\?$)/gs;

/** Whether a text may contain such JSON, also in a string inside it. */
const mayBeLoose = (text: string): boolean =>
  COMMA.test(text) || NOT_FINITE.test(text) || NOT_FINITE_AT_START.test(text);

export const isLoose = (text: string): boolean => mayBeLoose(text) && mayBeLoose(text.replaceAll(TEXT, '""'));

/** The expressions look through so many bytes at once: a longer text is expensive to create. */
const TEXT_BYTES = 65_536;
/** They overlap by the longest match of {@link NOT_FINITE} but one byte. */
const OVERLAP_BYTES = 9;

/** Whether bytes may contain such JSON, also over several lines, or in a string inside it. */
export const bytesMayBeLoose = (bytes: Buffer): boolean =>
  (mayHaveCommaAtEnd(bytes) && COMMA.test(bytes.toString('latin1'))) || mayHaveNotFinite(bytes);

/** Whether a closing bracket may follow a comma. From the end, it looks at brackets, which are rarer than commas. */
function mayHaveCommaAtEnd(bytes: Buffer): boolean {
  const has = (text: string): boolean => bytes.lastIndexOf(text, undefined, 'latin1') !== -1;
  const before = [',', ' ', ...['\t', '\r'].filter(has)];
  return before.some((one) => has(`${one}}`) || has(`${one}]`)) || bytes.includes('\n}') || has('\n]');
}

function mayHaveNotFinite(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += TEXT_BYTES)
    if (NOT_FINITE.test(bytes.toString('latin1', Math.max(at - OVERLAP_BYTES, 0), at + TEXT_BYTES)))
      return true;
  return false;
}
