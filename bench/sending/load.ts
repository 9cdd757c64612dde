import { Pool } from 'undici';

/** A request of the load. Only the part that depends on `n` changes. */
export interface LoadRequest {
  path: string;
  headers: Readonly<Record<string, string>>;
  body: (n: number) => string;
  /** the expected status */
  expected: number;
}

export interface LoadResult {
  perSecond: number;
  /** latencies in ms */
  p50: number;
  p99: number;
}

export interface Load {
  run: (requests: number) => Promise<LoadResult>;
  close: () => Promise<void>;
}

/** Sends load to one server over a fixed number of keep-alive connections, with one request at a time on each. */
export function createLoad(port: number, connections: number, request: LoadRequest): Load {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 });
  const { path, headers, expected } = request;
  return {
    run: async (requests) => {
      const times: number[] = [];
      let next = 0;
      const connection = async (): Promise<void> => {
        for (let n = next++; n < requests; n = next++) {
          const started = performance.now();
          const { statusCode, body } = await pool.request({
            method: 'POST',
            path,
            headers,
            body: request.body(n),
          });
          const text = await body.text();
          if (statusCode !== expected) throw new Error(`${path} answered ${statusCode}: ${text}`);
          times.push(performance.now() - started);
        }
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: connections }, connection));
      const seconds = (performance.now() - started) / 1_000;
      times.sort((a, b) => a - b);
      const quantile = (q: number): number => times[Math.floor(q * times.length)] ?? 0;
      return { perSecond: requests / seconds, p50: quantile(0.5), p99: quantile(0.99) };
    },
    close: () => pool.close(),
  };
}
