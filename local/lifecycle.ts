import { tmpdir } from 'node:os';
import { InvalidArgumentError } from 'commander';

/** Time that running requests have to end after a SIGTERM, as on Azure's Functions host. */
const SIGTERM_GRACE_MS = 30_000;

/** A running part that can be stopped. */
export interface Running {
  /** @param graceMs time that running requests have to end; none by default */
  close: (graceMs?: number) => Promise<void>;
}

/**
 * Stops everything on Ctrl-C (SIGINT) or SIGTERM, the newest first, and exits 0. On SIGTERM, running requests may end
 * first, unless a Ctrl-C follows.
 */
export function stopOnSignal(running: readonly Running[]): void {
  let stoppedBy: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppedBy === 'SIGTERM' && signal === 'SIGINT') process.exit(0);
    if (stoppedBy) return;
    stoppedBy = signal;
    void closeAll(running, signal === 'SIGTERM' ? SIGTERM_GRACE_MS : 0).then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

/** Closes all parts, newest first. If one fails to close, the others are closed nevertheless. */
export async function closeAll(running: readonly Running[], graceMs = 0): Promise<void> {
  for (const { close } of [...running].reverse()) await close(graceMs).catch(() => undefined);
}

/** One line that explains why a part did not start. @param flagOf the flag that changes a port which is in use */
export function startError(error: unknown, flagOf?: (port: number) => string): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE' && port !== undefined)
    return `port ${port} is in use${flagOf ? `: choose another with ${flagOf(port)}` : ''}`;
  if (code === 'ENOSPC' || message.includes('No space left on device'))
    return `could not start: no space left on device (temporary folder: ${tmpdir()})`;
  return `could not start: ${message.split('\n')[0] ?? ''}`;
}

/** Parses the port of a flag, for commander. 0 stands for any free port. */
export function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('It must be a port from 0 to 65535.');
  return Number(text);
}
