import type { IncomingMessage } from 'node:http';

/** A client that goes on sending this many times the limit after it was refused is cut off. */
const DISCARD_FACTOR = 16;

/**
 * The whole body, or `'too large'` as soon as it exceeds `maxBytes`: the rest is then discarded as it comes, so that
 * the client gets to read the refusal. Rejects when the client goes away.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too large'> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      resolve('too large');
      if (size > maxBytes * DISCARD_FACTOR) request.destroy();
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the client went away'))); // after 'end' this does nothing
  });
}
