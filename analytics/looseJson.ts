/** Finds what DuckDB reads as JSON although it is not (RFC 8259): a comma before a closing bracket, NaN and infinity. */

const LOOSE = /,[ \t\r\n]*[}\]]|(?:^|[:,[ \t\r\n-])(?:nan|inf)/i;
/** An unclosed text goes up to the end: looking for its end from each of its quotes would take quadratic time. */
const TEXT = /"(?:[^"\\]|\\.)*(?:"|\\?$)/gs;

/** Whether a text may contain such JSON, also in a string inside it. */
export const mayBeLoose = (text: string): boolean => LOOSE.test(text);

export const isLoose = (text: string): boolean => mayBeLoose(text) && mayBeLoose(text.replaceAll(TEXT, '""'));
