/** Sends bodies that no server should keep. */

import { connect } from 'node:net';

const PART = Buffer.alloc(1_000_000, 'x');

interface LargeBody {
  bytes: number;
  isChunked: boolean;
}

/**
 * Sends a request with a large body as fast as the server reads it. Returns when the server has closed the connection,
 * or when the whole body is sent and the server has responded.
 *
 * @param head the request line and headers, without those that describe the body
 */
export async function sendLargeBody(
  port: number,
  head: string,
  { bytes, isChunked }: LargeBody,
): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const responded = new Promise((resolve) => socket.once('data', resolve));
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`;
  socket.write(`${head}\r\n${framing}\r\n\r\n`);
  const part = isChunked ? Buffer.concat([Buffer.from('f4240\r\n'), PART, Buffer.from('\r\n')]) : PART;
  for (let sent = 0; sent < bytes && !socket.destroyed; sent += PART.length)
    if (!socket.write(part))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
  if (isChunked) socket.write('0\r\n\r\n');
  await Promise.race([responded, closed]);
  socket.destroy();
}
