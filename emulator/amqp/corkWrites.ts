/** Combines small writes to a socket into one system call. */

import type { Writable } from 'node:stream';

type Write = (...parameters: unknown[]) => boolean;

/** rhea writes each frame separately. This function combines the writes of one turn of the event loop. */
export function corkWrites(stream: Writable): void {
  const write = stream.write.bind(stream) as Write;
  const corked: Write = (...parameters) => {
    if (stream.destroyed || stream.writableEnded) return false;
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return write(...parameters);
  };
  stream.write = corked;
}
