import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';

/** A body of up to this size is inflated in one step. A larger body is inflated in steps of this size. */
const STEP_BYTES = 16 * 1024;
/** Size of an output chunk. */
const CHUNK_BYTES = 64 * 1024;
/** gzip adds 18 bytes, and 5 bytes per 16 KB that it cannot compress. This is more than any compressor needs. */
const MAX_OVERHEAD = 1.1;

/** The content is not valid gzip, or has too many empty parts. */
export class InvalidGzipError extends Error {
  override readonly name = 'InvalidGzipError';

  constructor(message = 'The body is not valid gzip, as its Content-Encoding says.') {
    super(message);
  }
}
/** The inflated content is too large. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/**
 * Inflates gzip with one or several members. It stops as soon as the content is too large. It also stops if the
 * content is much smaller than its compressed form, because empty members and blocks cost time without any content.
 *
 * @param maxBytes maximum size of the content
 * @throws {InvalidGzipError | TooLargeError}
 */
export async function inflate(sent: Buffer, maxBytes: number): Promise<Buffer> {
  if (sent.length > STEP_BYTES) return inflateInSteps(sent, maxBytes);
  try {
    return await promisify(gunzip)(sent, { maxOutputLength: maxBytes, chunkSize: CHUNK_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new TooLargeError();
    throw new InvalidGzipError();
  }
}

function inflateInSteps(sent: Buffer, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = createGunzip({ chunkSize: CHUNK_BYTES });
    const chunks: Buffer[] = [];
    let received = 0;
    let at = 0;
    const fail = (error: Error): void => {
      stream.destroy();
      reject(error);
    };
    const writeNext = (): void => {
      if (at > STEP_BYTES + received * MAX_OVERHEAD) {
        fail(new InvalidGzipError('The gzip body has too many empty parts.'));
      } else if (at < sent.length) {
        const step = sent.subarray(at, at + STEP_BYTES);
        at += step.length;
        stream.write(step, writeNext);
      } else {
        stream.end();
      }
    };
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > maxBytes) fail(new TooLargeError());
      else chunks.push(chunk);
    });
    stream.on('error', () => {
      fail(new InvalidGzipError());
    });
    stream.on('end', () => {
      resolve(Buffer.concat(chunks, received));
    });
    writeNext();
  });
}
