import { type ChildProcess, spawn } from 'node:child_process';
import type { Running } from './lifecycle';

/** A process that is asked to stop and does not is ended after this. */
const STOP_GRACE_MS = 3_000;

export interface Child extends Running {
  pid: number | undefined;
  /** settles with what it was waited for: the text that `ready` matched @throws Error when it ends before that */
  ready: Promise<string>;
  /** settles when it has ended, however that came */
  ended: Promise<void>;
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
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.once('error', () => {
      resolve();
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
    void ended.then(() => {
      reject(new Error(`${name} ended before it was ready`));
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

/** In a child: ends it when its parent is gone. */
export function endWithParent(): void {
  process.stdin.on('end', () => process.exit(0)).resume();
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
