import { type ChildProcess, spawn } from 'node:child_process';
import { type Running, startError } from './lifecycle';

/** A process that is asked to stop and does not is ended after this. */
const STOP_GRACE_MS = 3_000;

export interface Child extends Running {
  pid: number | undefined;
  /** settles with the text that `ready` matched @throws Error when the process ends before that */
  ready: Promise<string>;
  /** settles when it has ended, with how: `exit code 1` or `SIGKILL` */
  ended: Promise<string>;
}

interface ChildOptions {
  /** as errors call it */
  name: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** matches a line of its output; the first group is what `ready` gives */
  ready: RegExp;
  /** takes each line that it prints after that, and all that it prints to stderr */
  log: (line: string) => void;
}

/**
 * Runs a Node program beside this one, with a group of its own: a Ctrl-C reaches this process alone, which then stops
 * its children in order. They end with it, too, when it is killed: their standard input ends.
 */
export function startChild({ name, args, env = {}, ready, log }: ChildOptions): Child {
  const child: ChildProcess = spawn(process.execPath, [...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true,
  });
  child.stdin?.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal ?? `exit code ${code ?? 0}`);
    });
    child.once('error', ({ message }) => {
      resolve(message);
    });
  });
  let isReady = false;
  const started = new Promise<string>((resolve, reject) => {
    eachLine(child.stdout, (line) => {
      const found = isReady ? undefined : ready.exec(line)?.[1];
      if (found === undefined) {
        if (isReady) log(line);
        return;
      }
      isReady = true;
      resolve(found);
    });
    eachLine(child.stderr, log);
    void ended.then((how) => {
      reject(new Error(`${name} ended before it was ready (${how})`));
    });
  });
  started.catch(() => undefined); // whoever waits for it is told
  return {
    pid: child.pid,
    ready: started,
    ended,
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** In a child: ends it when its parent is gone, and with one line instead of a stack when something fails. */
export function runAsChild(): void {
  process.stdin.on('end', () => process.exit(0)).resume();
  process.on('uncaughtException', (error) => {
    console.error(startError(error));
    process.exit(1);
  });
}

function eachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') take(line);
  });
}
