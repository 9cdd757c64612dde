import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { type Running, closeAll, startError, stopOnSignal } from './lifecycle';

/** A process that does not stop on request is killed after this time. */
const STOP_GRACE_MS = 3_000;

export interface Child extends Running {
  pid: number | undefined;
  /** resolves with the text that `ready` matched @throws Error if the process ends before that */
  ready: Promise<string>;
  /** resolves when the process has ended and `log` has got its last line, with the way it ended: `exit code 1` or `SIGKILL` */
  ended: Promise<string>;
}

interface ChildOptions {
  /** its name in errors */
  name: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** matches a line of its output; `ready` resolves with the first group */
  ready: RegExp;
  /** called with each line that it prints after that, and with all lines on stderr */
  log: (line: string) => void;
  /** listens on the port that the child needs; the child takes it over with `takeOverListener` */
  listener?: Server | undefined;
}

/**
 * Runs a Node program in a separate process group, so that Ctrl-C only reaches this process, which then stops its
 * children in order. If this process is killed, the children end as well, because their standard input ends.
 */
export function startChild({ name, args, env = {}, ready, log, listener }: ChildOptions): Child {
  const child: ChildProcess = spawn(process.execPath, [...args], {
    stdio: ['pipe', 'pipe', 'pipe', ...(listener ? (['ipc'] as const) : [])],
    env: { ...process.env, ...env },
    detached: true,
  });
  child.stdin?.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    // Unlike `exit`, `close` comes after the last line, which may say why it ended.
    child.once('close', (code, signal) => {
      resolve(signal ?? `exit code ${code ?? 0}`);
    });
    child.once('error', ({ message }) => {
      resolve(message);
    });
  });
  if (listener) {
    child.once('message', () => child.send({}, listener, () => listener.close()));
    void ended.then(() => listener.close());
  }
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
  started.catch(() => undefined); // the error reaches the code that waits for `ready`
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

/**
 * For child processes: ends the process when its parent has ended. Errors are printed as one line instead of a stack
 * trace.
 */
export function runAsChild(): void {
  process.stdin.on('end', () => process.exit(0)).resume();
  process.on('uncaughtException', (error) => {
    console.error(startError(error));
    process.exit(1);
  });
}

/**
 * For child processes: runs until a signal stops it. If it cannot start, prints the reason and exits with 1.
 *
 * @param start adds each part that it starts to `running` @returns the line that says it is ready
 * @param flagOf the flag that changes a port which is in use
 */
export async function runPartsAsChild(
  start: (running: Running[]) => Promise<string>,
  flagOf?: (port: number) => string,
): Promise<void> {
  runAsChild();
  const running: Running[] = [];
  stopOnSignal(running);
  try {
    console.log(await start(running));
  } catch (error) {
    console.error(startError(error, flagOf));
    await closeAll(running);
    process.exit(1);
  }
}

/**
 * For child processes: the listener that the parent process has for it, if any. Connections are closed until a server
 * listens on it.
 */
export async function takeOverListener(): Promise<Server | undefined> {
  if (!process.connected) return undefined;
  const answer = once(process, 'message') as Promise<[object, Server]>;
  process.send?.({});
  const [, listener] = await answer;
  process.disconnect();
  // Otherwise a connection would stay open without a response.
  listener.on('connection', (connection: Socket) => connection.destroy());
  return listener;
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
