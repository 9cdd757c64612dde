import type { IncomingMessage } from 'node:http';

/** A client that sends this many times the limit, although its request was rejected, is disconnected. */
const DISCARD_FACTOR = 16;

/**
 * Returns the whole body, or `'too large'` as soon as it exceeds `maxBytes`. The remaining bytes are then discarded,
 * so that the client can read the response. Rejects if the client disconnects.
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
    request.on('close', () => {
      // Every request is closed in the end. Creating an error for each request would cost more than checking its token.
      if (!request.complete) reject(new Error('the client disconnected'));
    });
  });
}
