import type { InvocationContext } from '@azure/functions';
import type { Redact } from './redaction';

/** The log of one invocation, which redacts each line. The rest of the app writes to no other log. */
export interface Log {
  info: (line: string) => void;
  warn: (line: string) => void;
  error: (line: string) => void;
}

/** Creates the log of an invocation. */
export type LogOf = (context: Pick<InvocationContext, 'log' | 'warn' | 'error'>) => Log;

export function createLogs(redact: Redact): LogOf {
  return (context) => ({
    info: (line) => {
      context.log(redact(line));
    },
    warn: (line) => {
      context.warn(redact(line));
    },
    error: (line) => {
      context.error(redact(line));
    },
  });
}

/** A function of the Functions worker that `@azure/functions` does not expose: a log outside of invocations. */
interface FunctionsCore {
  log: (level: 'error', category: 'system', line: string) => void;
}

/** Logs an error at start-up, outside of any invocation, to the host's log at level Error. */
export function logAtStartup(redact: Redact, line: string): void {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the Functions worker provides it
    const core = require('@azure/functions-core') as FunctionsCore;
    core.log('error', 'system', redact(line));
  } catch {
    console.error(redact(line)); // outside of a Functions worker
  }
}

/**
 * The place where an error was thrown. The message of the error is omitted, because it may quote data, including keys.
 */
export function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { stack = '', message } = error;
  const at = stack.indexOf(message);
  return stack
    .slice(at < 0 ? 0 : at + message.length)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 5)
    .join('\n');
}
