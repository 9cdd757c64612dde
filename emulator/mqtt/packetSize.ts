/** The length of a packet takes one to four bytes, with seven bits each (MQTT 3.1.1, 2.2.3). */
const MAX_LENGTH_BYTES = 4;
const VALUE_BITS = 0x7f;
const CONTINUES = 0x80;

/**
 * Checks the announced packet lengths, because the parser buffers packets of any size.
 *
 * @returns a function that takes the received bytes in turn and returns false once a packet is too long
 */
export function packetSizeCheck(maxBytes: number): (chunk: Buffer) => boolean {
  /** Bytes of the packet that have not arrived. */
  let remaining = 0;
  /** Header bytes that were read. */
  let headerBytes = 0;
  /** Length that was decoded so far. */
  let length = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (remaining > 0) {
        const taken = Math.min(remaining, chunk.length - at);
        remaining -= taken;
        at += taken;
        continue;
      }
      const byte = chunk[at++] ?? 0;
      if (headerBytes === 0) {
        headerBytes = 1; // the packet's type and flags
        length = 0;
        continue;
      }
      length += (byte & VALUE_BITS) * 2 ** (7 * (headerBytes - 1));
      if (length > maxBytes) return false;
      if (byte & CONTINUES) {
        if (++headerBytes > MAX_LENGTH_BYTES) return false;
        continue;
      }
      remaining = length;
      headerBytes = 0;
    }
    return true;
  };
}
