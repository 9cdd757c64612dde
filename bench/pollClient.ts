/** A minimal client of the message feed, for benchmarks. */

import { Agent, get } from 'node:http';

export interface PollClient {
  /**
   * @returns the chunks of the response body. They are not concatenated, because that time does not belong to the feed
   */
  poll: (query: Record<string, string | number>) => Promise<readonly Buffer[]>;
  close: () => void;
}

/** A worker that polls with plain HTTP on a keep-alive connection. */
export function createPollClient(host: string, functionKey: string): PollClient {
  const agent = new Agent({ keepAlive: true });
  return {
    poll: (query) =>
      new Promise((resolve, reject) => {
        const parameters = Object.entries(query).map(([name, value]) => `${name}=${value}`);
        const url = `${host}/api/message_feed?${parameters.join('&')}`;
        get(url, { agent, headers: { 'x-functions-key': functionKey } }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            if (response.statusCode === 200) resolve(chunks);
            else
              reject(
                new Error(
                  `the feed answered ${response.statusCode ?? 0}: ${Buffer.concat(chunks).toString()}`,
                ),
              );
          });
        }).on('error', reject);
      }),
    close: () => {
      agent.destroy();
    },
  };
}

export interface PolledMessage {
  partitionId: string;
  sequenceNumber: number;
  body: unknown;
}

export function readResponse(parts: readonly Buffer[]): {
  messages: PolledMessage[];
  next_offset: string;
  has_more: boolean;
} {
  return JSON.parse(Buffer.concat(parts).toString()) as ReturnType<typeof readResponse>;
}
