import type { InvocationContext } from '@azure/functions';
import type { Redact } from './redaction';

/** The log of one invocation. Each line is redacted: nothing else of the app writes to a log. */
export interface Log {
  info: (line: string) => void;
  warn: (line: string) => void;
  error: (line: string) => void;
}

/** Makes the log of an invocation. */
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

/** What the Functions worker offers beside `@azure/functions`: a log outside of invocations. */
interface FunctionsCore {
  log: (level: 'error', category: 'system', line: string) => void;
}

/** For what is wrong at start-up, before there is an invocation: the host's own log, at level Error. */
export function logAtStartup(redact: Redact, line: string): void {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the Functions worker provides it
    const core = require('@azure/functions-core') as FunctionsCore;
    core.log('error', 'system', redact(line));
  } catch {
    console.error(redact(line)); // outside of a Functions worker
  }
}

/** Where an error came from. Its message is left out: it may quote what was worked on, keys included. */
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
