import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { BODY_PIPE_FD, readBodies } from './bodyPipe';
import type { FromWorker, LoadedFunction, RpcHttpResponse, ToWorker, TriggerData } from './workerProtocol';

/** The real host gives up at the third death ("Exceeded language worker restart retry count"). */
const MAX_DEATHS = 3;
/** Time that the app has to clean up when the host stops. */
const TERMINATE_GRACE_MS = 1_000;
/** How long the host waits for the rest of an ended worker's output. */
const OUTPUT_GRACE_MS = 1_000;

export interface WorkerOptions {
  appFolder: string;
  /** app settings: the worker's environment variables */
  settings: Readonly<Record<string, string>>;
  log: (line: string) => void;
}

export interface WorkerProcess {
  /** The functions that the app registered. @throws Error if the app cannot be loaded */
  functions: () => Promise<LoadedFunction[]>;
  /**
   * Runs a function. If the worker is being restarted, waits for it.
   *
   * @throws Error if the function throws or its worker dies
   */
  invoke: (functionId: string, data: TriggerData) => Promise<RpcHttpResponse | undefined>;
  pid: () => number | undefined;
  /** resolves with the reason when the worker has died too often */
  gaveUp: Promise<string>;
  /** Waits until no function runs, up to a time. */
  idle: (timeoutMs: number) => Promise<void>;
  close: () => Promise<void>;
}

interface Pending {
  resolve: (http: RpcHttpResponse | undefined) => void;
  reject: (error: Error) => void;
}

/** Runs the app in a separate process, and restarts it twice if it dies. */
export function startWorker({ appFolder, settings, log }: WorkerOptions): WorkerProcess {
  let deaths = 0;
  let closing = false;
  let giveUp: (reason: string) => void;
  const gaveUp = new Promise<string>((resolve) => {
    giveUp = resolve;
  });
  const running = new Set<Promise<unknown>>();
  let current = start();

  function start() {
    const pending = new Map<string, Pending>();
    const child: ChildProcess = fork(join(__dirname, 'worker.cjs'), {
      cwd: appFolder,
      env: { ...inheritedEnvironment(), ...settings },
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    });
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
    });
    const bodies = readBodies(child.stdio[BODY_PIPE_FD] as Readable, ended);
    for (const stream of [child.stdout, child.stderr]) if (stream) logLines(stream, log);
    let unsaid: ToWorker[] = [];
    // Combines messages of one turn in one write, as the worker does.
    const say = (message: ToWorker): void => {
      if (unsaid.push(message) > 1) return;
      setImmediate(() => {
        child.send(unsaid, () => undefined);
        unsaid = [];
      });
    };
    const loaded = new Promise<LoadedFunction[]>((resolve, reject) => {
      const hear = (message: FromWorker): void => {
        switch (message.type) {
          case 'loaded':
            resolve(message.functions);
            break;
          case 'loadFailed':
            reject(new Error(message.reason));
            break;
          case 'log':
            // Azure's host shows only the first two levels of the worker's own lines by default.
            if (message.category === 'user' || /^(?:error|warning)$/.test(message.level))
              log(`[${message.functionName ?? 'app'}] ${message.level}: ${message.message}`);
            break;
          case 'result': {
            const { invocationId, http, bodyBytes } = message;
            // The body is read from the pipe even if nobody waits for it, because the next body follows it.
            const stream = bodyBytes !== undefined && {
              stream: { body: bodies.next(bodyBytes), length: bodyBytes },
            };
            pending.get(invocationId)?.resolve(stream ? { ...http, body: stream } : http);
            pending.delete(invocationId);
            break;
          }
          case 'failed':
            pending.get(message.invocationId)?.reject(new Error(message.reason));
            pending.delete(message.invocationId);
            break;
        }
      };
      child.on('message', (messages: FromWorker[]) => {
        messages.forEach(hear);
      });
      child.on('exit', (code, signal) => {
        const death = new Error(`The worker process ended (${signal ?? `exit code ${code ?? 0}`})`);
        reject(death);
        const unfinished = pending.size;
        for (const { reject: fail } of pending.values()) fail(death);
        pending.clear();
        onExit(`${death.message}. Running functions that failed: ${unfinished}`);
      });
    });
    const closed = new Promise<void>((resolve) => {
      child.once('close', () => {
        resolve();
      });
    });
    loaded.catch(() => undefined); // callers get the error; without a caller, it must not be an unhandled rejection
    say({ type: 'load', appFolder });
    return { child, pending, loaded, say, closed };
  }

  function onExit(reason: string): void {
    if (closing) return;
    deaths += 1;
    log(reason);
    if (deaths < MAX_DEATHS) {
      log('Restarting the worker process');
      current = start();
    } else {
      giveUp(`Exceeded language worker restart retry count: the worker died ${deaths} times. ${reason}`);
    }
  }

  async function invoke(functionId: string, data: TriggerData): Promise<RpcHttpResponse | undefined> {
    await current.loaded;
    const { pending, say } = current;
    const invocationId = randomUUID();
    return new Promise((resolve, reject) => {
      pending.set(invocationId, { resolve, reject });
      say({ type: 'invoke', invocationId, functionId, data });
    });
  }

  return {
    functions: () => current.loaded,
    invoke: (functionId, data) => {
      const run = invoke(functionId, data).finally(() => running.delete(run));
      running.add(run);
      return run;
    },
    pid: () => current.child.pid,
    gaveUp,
    idle: async (timeoutMs) => {
      if (running.size === 0) return;
      const timeout = new AbortController();
      const late = delay(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined);
      await Promise.race([Promise.allSettled(running), late]);
      timeout.abort();
    },
    close: async () => {
      closing = true;
      const { child, say, closed } = current;
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        say({ type: 'terminate' });
        const kill = setTimeout(() => child.kill('SIGKILL'), TERMINATE_GRACE_MS);
        await ended;
        clearTimeout(kill);
      }
      // Its last output may still arrive. A process that it started may keep its output open.
      await Promise.race([closed, delay(OUTPUT_GRACE_MS, undefined, { ref: false })]);
    },
  };
}

/** The app is configured by app settings only. Of the developer's environment, only these variables are passed on. */
function inheritedEnvironment(): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'TMPDIR',
    'SystemRoot',
    'TEMP',
    'NODE_EXTRA_CA_CERTS',
    'NODE_OPTIONS',
  ];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Longer lines are split, so that a stream without line ends does not fill the memory. */
const MAX_LINE_CHARS = 65_536;

/** Logs the output of the app line by line. */
function logLines(stream: Readable, log: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) log(line);
    if (rest.length < MAX_LINE_CHARS) return;
    log(rest);
    rest = '';
  });
  stream.on('end', () => {
    if (rest !== '') log(rest);
  });
}
