/** The log of the emulator: levels, and what must not appear in it. */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const DEFAULT_LOG_LEVEL: LogLevel = 'info';

/** Lines without a line break. Each level contains those before it. */
export interface Log {
  /** Something failed that should not. */
  error(line: string): void;
  /** The emulator continues, but something was lost or is missing. */
  warn(line: string): void;
  info(line: string): void;
  /** Whether the level is `debug`. Check it before something is done only for `debug`. */
  readonly isDebug: boolean;
  /** Each connection and operation. The line is only made at this level, because there are many. */
  debug(line: () => string): void;
}

/** Longest line, in characters. Clients choose parts of it. */
const MAX_LINE_CHARS = 1_000;
/** Signatures and keys, in all forms in which clients write them. */
const SECRET =
  /(SharedAccessSignature\s+|(?:SharedAccessKey|sharedAccessKey|password|sig|(?:primary|secondary)Key)["']?\s*[=:]\s*["']?)[^\s;&"',]+/gi;
/** C0 and C1 controls, and Unicode's line breaks. A client could forge lines, or write to the terminal. */
const CONTROL_CHARACTERS = /[\p{Cc}\u2028\u2029]/gu;

const NOTHING = () => undefined;

/** @param write receives `<ISO 8601 time> <level> <line>` for each line of this level and of the levels before it */
export function createLog(level: LogLevel, write: (line: string) => void): Log {
  const writer = (own: LogLevel) => (line: string) =>
    write(`${new Date().toISOString()} ${own} ${printable(line)}`);
  const isOn = (own: LogLevel) => LOG_LEVELS.indexOf(own) <= LOG_LEVELS.indexOf(level);
  const debug = writer('debug');
  return {
    error: writer('error'),
    warn: isOn('warn') ? writer('warn') : NOTHING,
    info: isOn('info') ? writer('info') : NOTHING,
    isDebug: isOn('debug'),
    debug: isOn('debug') ? (line) => debug(line()) : NOTHING,
  };
}

const printable = (line: string): string =>
  line.slice(0, MAX_LINE_CHARS).replace(SECRET, '$1[removed]').replace(CONTROL_CHARACTERS, '\uFFFD');
