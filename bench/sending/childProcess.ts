import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Unit of CPU times in Linux. */
const TICKS_PER_SECOND = 100;

export interface Child {
  /** the rest of the line `ready …` that the process printed */
  ready: string;
  pid: number;
  close: () => Promise<void>;
}

/** Starts a process and waits for its line `ready …`. @throws if it ends before */
export function startChild(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const ready = /^ready (.*)$/m.exec(out)?.[1];
      if (ready === undefined || child.pid === undefined) return;
      resolve({
        ready,
        pid: child.pid,
        close: async () => {
          child.kill('SIGTERM');
          await ended;
        },
      });
    });
    void ended.then(() => {
      reject(new Error(`${command} ${args.join(' ')} ended before it was ready: ${out}`));
    });
    child.on('error', reject);
  });
}

/** Runs a TypeScript file in a separate process. */
export function startScript(file: string, env: Readonly<Record<string, string>>): Promise<Child> {
  return startChild(process.execPath, ['--import', 'tsx', file], env);
}

/** CPU time of processes in µs (Linux; elsewhere NaN). */
export function cpuMicroseconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function cpuOf(pid: number): number {
  try {
    // The program's name, in brackets, may contain spaces. User and system time are the 12th and 13th fields after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process in MB (Linux; elsewhere NaN). */
export function residentMb(pid: number): number {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kb) / 1024;
  } catch {
    return Number.NaN;
  }
}
