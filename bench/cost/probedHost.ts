import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type FunctionsHost, startFunctionsHost } from '../../local/functionsHost';

/** An app in the dev host whose process reports its resource use. */
export interface ProbedHost {
  host: FunctionsHost;
  usage: () => Promise<{ cpuUs: number; gcMs: number }>;
  /** memory after garbage collections */
  memory: () => Promise<{ heapMb: number; rssMb: number }>;
  /** Runs work. @returns bytes allocated by it, from V8's sampling */
  allocated: (work: () => Promise<unknown>) => Promise<number>;
  /** Runs work. @returns a CPU profile of the app's process, as V8 writes it */
  profiled: (work: () => Promise<unknown>) => Promise<CpuProfile>;
  close: () => Promise<void>;
}

export interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
  }[];
  samples: number[];
  timeDeltas: number[];
}

export async function startProbedHost(
  settings: Readonly<Record<string, string>>,
  functionKey: string,
): Promise<ProbedHost> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-probe-'));
  const socketPath = join(folder, 'socket');
  const host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { host: { bench: functionKey } },
    log: (line) => !line.includes('] information: ') && console.error(line),
    settings: () => ({
      ...settings,
      BENCH_PROBE: socketPath,
      NODE_OPTIONS: `--expose-gc --require ${resolve('bench/cost/probe.cjs')}`,
    }),
  });
  const ask = <Answer>(path: string): Promise<Answer> =>
    new Promise((done, reject) => {
      request({ socketPath, path }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          if (response.statusCode === 200) done(JSON.parse(text) as Answer);
          else reject(new Error(text));
        });
      })
        .on('error', reject)
        .end();
    });
  return {
    host,
    usage: () => ask('/usage'),
    memory: () => ask('/memory'),
    allocated: async (work) => {
      await ask('/allocations/start');
      await work();
      return (await ask<{ bytes: number }>('/allocations/stop')).bytes;
    },
    profiled: async (work) => {
      await ask('/profile/start');
      await work();
      return ask('/profile/stop');
    },
    close: async () => {
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
