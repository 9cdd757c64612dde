import { InvalidArgumentError } from 'commander';

/** Something that was started and can be stopped. */
export interface Running {
  close: () => Promise<void>;
}

/** Stops everything on Ctrl-C (SIGINT) or SIGTERM, the newest first, and exits 0. */
export function stopOnSignal(running: readonly Running[]): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void closeAll(running).then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

/** Closes all of it, newest first; what fails to close does not keep the rest open. */
export async function closeAll(running: readonly Running[]): Promise<void> {
  for (const { close } of [...running].reverse()) await close().catch(() => undefined);
}

/** One line about why something did not start; a taken port is named with the flag to change it. */
export function startError(error: unknown, flagOf: (port: number) => string): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  return code === 'EADDRINUSE' && port !== undefined
    ? `port ${port} is in use: choose another with ${flagOf(port)}`
    : `could not start: ${message}`;
}

/** Reads a flag's port for commander; 0 stands for any free one. */
export function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('It must be a port from 0 to 65535.');
  return Number(text);
}
