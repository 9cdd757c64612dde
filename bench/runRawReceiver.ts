import { connectRaw, type RawOptions } from './rawReceiver';

/** Requests of the bench, and the responses: durations in ms. */
export type RawRequest =
  | { connect: RawOptions }
  | { drain: readonly (readonly [partitionId: string, count: number])[] }
  | { readPartitions: readonly string[] };
export interface RawReply {
  ms: number;
}

let raw: Awaited<ReturnType<typeof connectRaw>> | undefined;

async function run(request: RawRequest): Promise<void> {
  if ('connect' in request) raw = await connectRaw(request.connect);
  else if ('drain' in request) await raw?.drain(new Map(request.drain));
  else await raw?.readPartitions(request.readPartitions);
}

process.on('disconnect', () => process.exit()); // the bench has ended
process.on('message', (request: RawRequest) => {
  const start = performance.now();
  void run(request).then(() => {
    const reply: RawReply = { ms: performance.now() - start };
    process.send?.(reply);
  });
});
