import { Readable } from 'node:stream';

/** The worker's end is this file descriptor. */
export const BODY_PIPE_FD = 4;

/** Large bodies of answers, one after the other on a pipe of their own: no serializer copies them. */
export interface BodyPipe {
  /**
   * The next body on the pipe, which can be read while it still arrives. Its end comes too early, with an error, when
   * the worker dies.
   */
  next: (bytes: number) => Readable;
}

export function readBodies(pipe: Readable): BodyPipe {
  const awaited: { left: number; body: Readable }[] = [];
  /** came before the answer that it belongs to */
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
    for (const { body } of awaited) body.destroy(new Error('The worker process ended'));
  });
  return {
    next: (bytes) => {
      const body = new Readable({ read: () => undefined });
      body.on('error', () => undefined); // of interest to whoever reads it
      awaited.push({ left: bytes, body });
      const parts = early;
      early = [];
      parts.forEach(handOut);
      return body;
    },
  };
}
