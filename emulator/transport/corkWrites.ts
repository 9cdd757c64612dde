/** Combines small writes to a socket into one system call. */

import type { Writable } from 'node:stream';

type Write = (...parameters: unknown[]) => boolean;

/**
 * Combines the writes of one turn of the event loop: rhea writes each frame separately, and each MQTT message has its own
 * acknowledgement.
 */
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
