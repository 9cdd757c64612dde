import { type ChildProcess, spawn } from 'node:child_process';
import { vi } from 'vitest';

export const PORT_FLAGS = [
  '--port',
  '--hub-port',
  '--amqp-port',
  '--mqtt-port',
  '--shop-port',
  '--dashboard-port',
  '--database-port',
  '--blob-port',
];
export const ANY_PORT = PORT_FLAGS.flatMap((flag) => [flag, '0']);

/** A terminal with colours. Node prints none where CI is set. */
const COLOUR_TERMINAL = { TERM: 'xterm-256color', CI: undefined, NO_COLOR: undefined };

/** A command of the project in a process of its own, as `npm start` and `npm run emulator` run it. */
export interface LaunchedCommand {
  process: ChildProcess;
  /** all that it has printed so far: complete once `exit` has settled */
  out: () => string;
  err: () => string;
  /** the first group of the pattern in what it prints, once it is there */
  printed: (pattern: RegExp) => Promise<string>;
  /** Types on its terminal. */
  press: (keys: string) => void;
  /** settles with the exit code; null after a signal */
  exit: Promise<number | null>;
}

export function launch(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  { terminal = false } = {},
): LaunchedCommand {
  const program = [process.execPath, 'local/launch.mjs', command, ...args];
  // `script` runs the command in the user's shell. If that one stayed, dash would exit with 130 after a Ctrl-C.
  const [file = '', ...parameters] = terminal
    ? ['script', '--quiet', '--return', '--flush', '--command', `exec ${program.join(' ')}`, '/dev/null']
    : program;
  const child = spawn(file, parameters, {
    stdio: [terminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(terminal && COLOUR_TERMINAL), ...env },
  });
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  // Unlike `exit`, `close` comes after the last output.
  const exit = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  return {
    process: child,
    out: () => out,
    err: () => err,
    press: (keys) => child.stdin?.write(keys),
    exit,
    printed: (pattern) =>
      vi.waitFor(
        () => {
          const found = pattern.exec(out)?.[1];
          if (found !== undefined) return found;
          throw new Error(`${command} has not printed ${String(pattern)}:\n${out}\n${err}`);
        },
        { timeout: 100_000, interval: 50 },
      ),
  };
}
