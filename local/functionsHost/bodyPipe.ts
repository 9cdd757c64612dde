import type { Readable } from 'node:stream';

/** The worker's end is this file descriptor. */
export const BODY_PIPE_FD = 4;

/** Large bodies of answers, one after the other on a pipe of their own: no serializer copies them. */
export interface BodyPipe {
  /** Takes the next body off the pipe once it has arrived. Calls are answered in their order. */
  next: (bytes: number, arrived: (parts: readonly Buffer[]) => void) => void;
}

export function readBodies(pipe: Readable): BodyPipe {
  const awaited: { bytes: number; arrived: (parts: readonly Buffer[]) => void }[] = [];
  let parts: Buffer[] = [];
  let size = 0;

  function handOut(): void {
    for (let first = awaited[0]; first && size >= first.bytes; first = awaited[0]) {
      awaited.shift();
      const beyond = size - first.bytes;
      const body = parts;
      parts = [];
      const last = body.at(-1);
      if (last && beyond > 0) {
        const end = last.length - beyond;
        body[body.length - 1] = last.subarray(0, end);
        parts = [last.subarray(end)];
      }
      size = beyond;
      first.arrived(body);
    }
  }

  pipe.on('data', (part: Buffer) => {
    parts.push(part);
    size += part.length;
    handOut();
  });
  return {
    next: (bytes, arrived) => {
      awaited.push({ bytes, arrived });
      handOut();
    },
  };
}
