import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const STDERR_KEPT = 2_000;

/** A program that reads one JSON value a line and writes one a line. */
export interface LineProcess {
  ask(request: object): Promise<any>;
  close(): Promise<void>;
}

/**
 * Starts such a program.
 *
 * @param env beside the test's own environment
 */
export function startLineProcess(
  command: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): LineProcess {
  const child = spawn(command, parameters, { env: { ...process.env, ...env } });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-STDERR_KEPT)));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done) throw new Error(`${command} ended: ${stderr}`);
      return JSON.parse(line.value);
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
