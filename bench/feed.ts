import { EVENT_HUB_NAME, POLICIES } from '../emulator';
import { startFunctionsHost } from '../local/functionsHost';
import { startEmulatorProcess } from './emulatorProcess';
import { type Result, inAlternation, result } from './measure';
import { connectRaw } from './rawReceiver';

const KEY = 'bench';
const ROUNDS = 15;
/** What the original waited in every poll, whatever there was. */
const ORIGINAL_WAIT_MS = 5_000;

/**
 * The feed through the app and the dev host, on warm connections, against a bare `rhea` receiver that reads the same
 * messages from the same emulator: the least that any client of the endpoint pays.
 */
export async function benchFeed(): Promise<Result[]> {
  const results: Result[] = [];
  for (const partitions of [4, 32]) {
    for (const messages of [0, 1_000, 10_000]) results.push(await measure(partitions, messages));
  }
  return results;
}

async function measure(partitions: number, messages: number): Promise<Result> {
  const emulator = await startEmulatorProcess(partitions);
  const host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { bench: KEY },
    log: console.error,
    settings: () => emulator.settings,
  });
  const poll = async (after: string): Promise<{ messages: unknown[]; next_offset: string }> => {
    const url = `${host.url}/api/message_feed?limit=10000&after_offset=${after}`;
    const answer = await fetch(url, { headers: { 'x-functions-key': KEY } });
    return (await answer.json()) as { messages: unknown[]; next_offset: string };
  };
  const raw = await connectRaw({
    port: emulator.amqpPort,
    hub: EVENT_HUB_NAME,
    group: 'analytics',
    policy: 'service',
    key: POLICIES.service.key,
    partitions: Array.from({ length: partitions }, (_, i) => String(i)),
  });
  try {
    const what = `feed, ${messages === 0 ? 'nothing new' : `${messages} messages`}, ${partitions} partitions`;
    if (messages === 0) {
      const { next_offset: after } = await poll('0');
      const times = await inAlternation(100, {
        feed: async () => {
          await poll(after);
        },
      });
      return { ...result(what, times.feed), against: "the original's wait", peerMs: ORIGINAL_WAIT_MS };
    }
    const state = await emulator.seed(messages);
    const counts = new Map(state.partitions.map(({ partitionId, count }) => [partitionId, count]));
    const times = await inAlternation(ROUNDS, {
      feed: async () => {
        const got = (await poll('0')).messages.length;
        if (got !== messages) throw new Error(`the feed gave ${got} of ${messages} messages`);
      },
      raw: () => raw.drain(counts),
    });
    return result(what, times.feed, 'a bare rhea receiver', times.raw);
  } finally {
    raw.close();
    await host.close();
    await emulator.close();
  }
}
