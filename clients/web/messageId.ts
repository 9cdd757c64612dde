/** Creates message ids that sort by time, so that the queue keeps the order of the calls. */

/** Maximum number of ids per millisecond. Further ids belong to the next millisecond. */
const IDS_PER_MS = 1_024;
/** The time of the last id, in parts of a millisecond. */
let last = 0;

/** A UUID of version 7 (RFC 9562). The ids of a page sort in the order in which they were created. */
export function newMessageId(): string {
  last = Math.max(last + 1, Date.now() * IDS_PER_MS);
  const time = hex(Math.floor(last / IDS_PER_MS), 12);
  const random = Array.from(randomBytes(8), (byte) => hex(byte, 2)).join('');
  const groups = [
    time.slice(0, 8),
    time.slice(8),
    `7${hex(last % IDS_PER_MS, 3)}`,
    `8${random.slice(1, 4)}`,
    random.slice(4),
  ];
  return groups.join('-');
}

/** `crypto.randomUUID` exists only on secure origins. `getRandomValues` also exists on insecure ones. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
