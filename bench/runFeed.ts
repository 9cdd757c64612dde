/** Polls the feed of the app's source without a host, and times each poll. Its settings are environment variables. */

import { createFeedFormats, parseAfterOffset } from '../src/iothub';
import { createFeed } from '../src/iothub/feed/feed';
import { readSettings } from '../src/settings';

export interface PollRequest {
  after: string;
  limit: number;
}
export interface PollReply {
  /** until the last byte of the response is there */
  ms: number;
  /** CPU time of all threads of the process: the SDK as the reader runs in one of its own */
  cpuMs: number;
  messages: number;
}

const settings = readSettings(process.env);
const feed = createFeed(settings);
const [format] = createFeedFormats(settings.hubHostName);

async function poll({ after, limit }: PollRequest): Promise<PollReply> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const query = { after: parseAfterOffset(after), limit, waitSeconds: 0, partitions: undefined };
  const page = await feed.poll({ ...query, encode: format.encode });
  format.write(page);
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1_000, messages: page.messages.length };
}

process.on('disconnect', () => process.exit()); // the bench has ended
process.on('message', (request: PollRequest) => {
  void poll(request).then((reply) => process.send?.(reply));
});
