/** `mqtt-packet` declares payloads as text or Buffer. Received payloads are always Buffers. */
export const bytesOf = (payload: Buffer | string): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : payload;
