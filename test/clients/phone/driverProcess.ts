import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A phone's client in its own language, in a process that answers each command with a line; see driver.ts. */
export interface Driver {
  /** @returns the answers, in the order of the commands */
  ask: (commands: readonly (readonly (string | number)[])[]) => Promise<string[]>;
  close: () => Promise<void>;
}

/** @param env beside the test's own environment */
export function startDriver(
  command: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Driver {
  const child = spawn(command, parameters, {
    // Java reads commands in the encoding of the locale, which CI does not set.
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.once('error', (error) => (errors += error.message));
  child.stdin.on('error', () => undefined); // it has ended, which `ask` reports
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (commands) => {
      child.stdin.write(commands.map((fields) => `${fields.join('\t')}\n`).join(''));
      const answers: string[] = [];
      while (answers.length < commands.length) {
        const line = await lines.next();
        if (line.done) throw new Error(`${command} ended: ${errors}`);
        answers.push(line.value);
      }
      return answers;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
