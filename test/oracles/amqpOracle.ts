import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { stopProcess } from '../stopProcess';

/** The options of amqp/Program.cs. */
export interface OracleOptions {
  /** absent: any free one */
  port?: number;
  hub?: string;
  groups?: readonly string[];
  partitions?: number;
  policies?: Readonly<Record<string, string>>;
  idleTimeoutMs?: number;
  settleOnSend?: boolean;
  pemFile?: string;
}

/** An Event Hub-compatible endpoint on Microsoft's own AMQP library, in a process of its own. */
export interface AmqpOracle {
  readonly port: number;
  /** Runs a command of amqp/Commands.cs. @returns its result */
  run: (name: string, request?: object) => Promise<unknown>;
  /** Stops the process without ending it: its connections stay open and silent. */
  freeze: () => Promise<void>;
  thaw: () => void;
  close: () => Promise<void>;
}

/** @param assembly as `buildDotnetProgram` returns it */
export async function startAmqpOracle(assembly: string, options: OracleOptions): Promise<AmqpOracle> {
  const child = spawn('dotnet', [assembly, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  const nextLine = async (): Promise<Record<string, unknown>> => {
    const line = new Promise<string>((resolve) => waiting.push(resolve));
    const text = await Promise.race([line, ended]);
    if (text === undefined) throw new Error('the AMQP oracle has ended');
    return JSON.parse(text) as Record<string, unknown>;
  };
  const { ready } = await nextLine();
  return {
    port: Number(ready),
    run: async (name, request = {}) => {
      const response = nextLine();
      child.stdin.write(`${JSON.stringify({ name, request })}\n`);
      const { result, error } = await response;
      if (error !== undefined) throw new Error(`the AMQP oracle: ${error as string}`);
      return result;
    },
    freeze: () => stopProcess(child.pid ?? 0),
    thaw: () => void child.kill('SIGCONT'),
    close: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
