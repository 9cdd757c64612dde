/**
 * JSON's grammar (RFC 8259) as a state table: each byte costs one look-up. Arrays and objects also need a stack, which
 * the scanner keeps.
 */

/** A byte that the grammar does not allow here. */
export const INVALID = 0;
/** States before a value or a name, and after a value. */
export const VALUE = 1;
const FIRST_ELEMENT = 2;
const FIRST_NAME = 3;
export const NAME = 4;
export const AFTER_VALUE = 5;
/** The values from here on are actions, which the scanner carries out. */
export const FIRST_ACTION = 64;
export const OPEN_OBJECT = 64;
export const OPEN_ARRAY = 65;
export const CLOSE_OBJECT = 66;
export const CLOSE_ARRAY = 67;
export const NEXT_ENTRY = 68;

/** After these actions, the first entry or the closing bracket follows. */
export const AFTER_OPEN_OBJECT = FIRST_NAME;
export const AFTER_OPEN_ARRAY = FIRST_ELEMENT;

const SPACES = '\t\n\r ';
const DIGITS = '0123456789';
const HEX = '0123456789abcdefABCDEF';

/** Bytes that the grammar does not distinguish share a class. */
const CLASS_BITS = 5;
const OTHER_TEXT = 0;
const CONTROL = 1;
const CLASSES = [
  ' ',
  '\t\n\r',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\',
  '/',
  '+',
  '-',
  '.',
  '0',
  '123456789',
  'a',
  'b',
  'cdABCDF',
  'e',
  'E',
  'f',
  'l',
  'n',
  'r',
  's',
  't',
  'u',
];

/** class of each byte, shifted so that class and state together index {@link TRANSITIONS} */
export const CLASS_OF = classOfBytes();

function classOfBytes(): Uint8Array {
  const classes = Uint8Array.from({ length: 256 }, (_, code) => (code < 0x20 ? CONTROL : OTHER_TEXT));
  CLASSES.forEach((characters, index) => {
    for (const byte of Buffer.from(characters)) classes[byte] = CONTROL + 1 + index;
  });
  return classes;
}

let states = AFTER_VALUE;
const newState = (): number => (states += 1);
const table = new Uint8Array(FIRST_ACTION << CLASS_BITS);

function on(state: number, characters: string, next: number): void {
  for (const byte of Buffer.from(characters)) table[(state << CLASS_BITS) | (CLASS_OF[byte] ?? 0)] = next;
}

/** Adds the states of a string. @returns the state after its opening quote */
function stringState(after: number): number {
  const text = newState();
  for (let kind = 0; kind < 1 << CLASS_BITS; kind += 1) {
    table[(text << CLASS_BITS) | kind] = kind === CONTROL ? INVALID : text;
  }
  on(text, '\t\n\r', INVALID);
  on(text, '"', after);
  const escape = newState();
  on(text, '\\', escape);
  on(escape, '"\\/bfnrt', text);
  let digit = newState();
  on(escape, 'u', digit);
  for (let left = 3; left > 0; left -= 1) {
    const next = newState();
    on(digit, HEX, next);
    digit = next;
  }
  on(digit, HEX, text);
  return text;
}

/** Adds what may follow a value: space, the next entry, or the end of its array or object. */
function mayEnd(state: number): void {
  on(state, SPACES, AFTER_VALUE);
  on(state, ',', NEXT_ENTRY);
  on(state, '}', CLOSE_OBJECT);
  on(state, ']', CLOSE_ARRAY);
}

function numberStates(): { minus: number; zero: number; integer: number } {
  const [minus, zero, integer, dot, fraction, exponent, sign, power] = Array.from(
    { length: 8 },
    newState,
  ) as [number, number, number, number, number, number, number, number];
  for (const state of [zero, integer, fraction, power]) mayEnd(state);
  on(minus, '0', zero);
  on(minus, '123456789', integer);
  on(integer, DIGITS, integer);
  for (const state of [zero, integer]) on(state, '.', dot);
  for (const state of [dot, fraction]) on(state, DIGITS, fraction);
  for (const state of [zero, integer, fraction]) on(state, 'eE', exponent);
  on(exponent, '+-', sign);
  for (const state of [exponent, sign, power]) on(state, DIGITS, power);
  return { minus, zero, integer };
}

/** @returns the state after the literal's first letter */
function literalState(rest: string): number {
  const first = newState();
  let state = first;
  for (let i = 0; i < rest.length; i += 1) {
    const next = i === rest.length - 1 ? AFTER_VALUE : newState();
    on(state, rest.charAt(i), next);
    state = next;
  }
  return first;
}

const colon = newState();
/** States within a string that is a value or a name. */
export const TEXT = stringState(AFTER_VALUE);
export const NAME_TEXT = stringState(colon);
const { minus, zero, integer } = numberStates();
const literals = { t: literalState('rue'), f: literalState('alse'), n: literalState('ull') };

for (const state of [VALUE, FIRST_ELEMENT]) {
  on(state, SPACES, state);
  on(state, '{', OPEN_OBJECT);
  on(state, '[', OPEN_ARRAY);
  on(state, '"', TEXT);
  on(state, '-', minus);
  on(state, '0', zero);
  on(state, '123456789', integer);
  for (const [letter, next] of Object.entries(literals)) on(state, letter, next);
}
on(FIRST_ELEMENT, ']', CLOSE_ARRAY);
for (const state of [FIRST_NAME, NAME]) {
  on(state, SPACES, state);
  on(state, '"', NAME_TEXT);
}
on(FIRST_NAME, '}', CLOSE_OBJECT);
on(colon, SPACES, colon);
on(colon, ':', VALUE);
mayEnd(AFTER_VALUE);

/** by `state << 5 | class`: the next state, or an action */
export const TRANSITIONS: Uint8Array = table;
