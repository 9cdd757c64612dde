import { Readable } from 'node:stream';

/** File descriptor of the worker's end of the pipe. */
export const BODY_PIPE_FD = 4;

/** Reads large response bodies from a separate pipe, one after the other, so that no serializer copies them. */
export interface BodyPipe {
  /**
   * Returns the next body on the pipe as a stream, which can be read while it arrives. If the worker dies, the stream
   * ends with an error.
   */
  next: (bytes: number) => Readable;
}

/** @param ended resolves when the worker has ended. Its pipe may close before that. */
export function readBodies(pipe: Readable, ended: Promise<void>): BodyPipe {
  const awaited: { left: number; body: Readable }[] = [];
  /** bytes that arrived before the response to which they belong */
  let early: Buffer[] = [];

  function handOut(part: Buffer): void {
    let rest = part;
    for (let first = awaited[0]; first && rest.length > 0; first = awaited[0]) {
      const own = rest.subarray(0, first.left);
      rest = rest.subarray(own.length);
      first.left -= own.length;
      first.body.push(own);
      if (first.left > 0) return;
      first.body.push(null);
      awaited.shift();
    }
    if (rest.length > 0) early.push(rest);
  }

  pipe.on('data', handOut);
  pipe.on('close', () => {
    // A client that gets the error may send its next request at once, which needs the new worker.
    void ended.then(() => {
      for (const { body } of awaited) body.destroy(new Error('The worker process ended'));
    });
  });
  return {
    next: (bytes) => {
      const body = new Readable({ read: () => undefined });
      body.on('error', () => undefined); // the reader of the stream gets the error
      awaited.push({ left: bytes, body });
      const parts = early;
      early = [];
      parts.forEach(handOut);
      return body;
    },
  };
}
