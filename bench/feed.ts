import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENT_HUB_NAME, type HubState, POLICIES } from '../emulator';
import { startFunctionsHost } from '../local/functionsHost';
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

/** The emulator in a process of its own, so that neither side of a ratio shares its thread. */
async function startEmulatorProcess(partitions: number) {
  const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  const flags = [
    '--hub-port',
    '0',
    '--amqp-port',
    '0',
    '--partitions',
    String(partitions),
    '--ca-folder',
    caFolder,
  ];
  const child = spawn(process.execPath, ['local/launch.mjs', 'emulator', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [hubPort = 0, amqpPort = 0] = await new Promise<number[]>((resolve) => {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const ready = /^emulator ready \S+:(\d+) \S+:(\d+)$/m.exec(out);
      if (ready) resolve([Number(ready[1]), Number(ready[2])]);
    });
  });
  const caFile = join(caFolder, 'ca.pem');
  const agent = new Agent({ ca: await readFile(caFile), keepAlive: true });
  return {
    amqpPort,
    settings: {
      IOTHUB_HOSTNAME: 'hubfront.azure-devices.localhost',
      IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
      IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://127.0.0.1:${amqpPort};SharedAccessKeyName=service;SharedAccessKey=${POLICIES.service.key};EntityPath=${EVENT_HUB_NAME};UseDevelopmentEmulator=true`,
      MESSAGE_POLL_CONSUMERGROUP: 'message-feed',
      IOTHUB_ENDPOINT: `https://127.0.0.1:${hubPort}`,
      IOTHUB_CA_FILE: caFile,
      'AzureWebJobs.keepAlive.Disabled': 'true',
    },
    seed: (count: number): Promise<HubState> =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify({ count, deviceId: 'bench', sizeBytes: 200 });
        request(
          `https://127.0.0.1:${hubPort}/_emulator/telemetry`,
          {
            agent,
            method: 'POST',
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => (text += part));
            response.on('end', () => {
              resolve(JSON.parse(text) as HubState);
            });
          },
        )
          .on('error', reject)
          .end(body);
      }),
    close: async () => {
      agent.destroy();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      await rm(caFolder, { recursive: true, force: true });
    },
  };
}
