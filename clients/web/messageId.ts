let lastMs = 0;
let counter = 0;

/** A UUID of version 7 (RFC 9562): ids sort in the order in which they were made. */
export function newMessageId(): string {
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    counter = 0;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  const time = hex(lastMs, 12);
  const random = Array.from(randomBytes(8), (byte) => hex(byte, 2)).join('');
  const variant = hex((parseInt(random.slice(0, 2), 16) & 0x3f) | 0x80, 2);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(counter, 3)}-${variant}${random.slice(2, 4)}-${random.slice(4)}`;
}

export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
