import rhea, { type Message } from 'rhea';

// AMQP 1.0 part 1 (types) and part 3 (message sections): the constructors and descriptors that this file decodes.
const DESCRIBED = 0x00;
const SMALL_ULONG = 0x53;
const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;
const VALUE = 0x77;
const LIST0 = 0x45;
const LIST8 = 0xc0;
const LIST32 = 0xd0;
const MAP8 = 0xc1;
const MAP32 = 0xd1;

const HEADER_FIELDS = ['durable', 'priority', 'ttl', 'first_acquirer', 'delivery_count'] as const;
const PROPERTIES_FIELDS = [
  'message_id',
  'user_id',
  'to',
  'subject',
  'reply_to',
  'correlation_id',
  'content_type',
  'content_encoding',
  'absolute_expiry_time',
  'creation_time',
  'group_id',
  'group_sequence',
  'reply_to_group_id',
] as const;

/** With a larger high word, an integer exceeds 2^53, and rhea returns its bytes instead of a number. */
const MAX_HIGH_WORD = 2_097_152;
const WORD = 2 ** 32;

/** One shared error object, because it is caught immediately and its stack is not used. */
const UNFAMILIAR = new Error('not a message in the form that IoT Hub sends');

// rhea has two different types for a message, which describe the same object.
const codec = rhea.message as unknown as { decode: (bytes: Buffer) => Message };
const decodeAny = codec.decode;

/**
 * Makes rhea decode messages of IoT Hub with {@link decodeMessage}, and all others as before. rhea's own decoder
 * creates an object for each value, which was half of the work of reading a backlog.
 */
export function installDecoder(): void {
  codec.decode = (bytes) => decodeMessage(bytes) ?? decodeOther(bytes);
}

/**
 * rhea throws for invalid bytes, and for a value of some thousand lists in each other, which a sender can choose. That
 * would end the connection, and the next one would meet the same message again. So such a message has no body, and only
 * the sections that {@link MessageReader} can read.
 */
function decodeOther(bytes: Buffer): Message {
  try {
    return decodeAny(bytes);
  } catch (error) {
    const reader = new MessageReader(bytes);
    try {
      reader.message();
    } catch {
      // The sections before the body are read.
    }
    if (reader.read.message_annotations === undefined) throw error;
    delete reader.read.body;
    return reader.read;
  }
}

/**
 * Decodes a message with header, annotations, properties, application properties and one section of data or a value,
 * if all types are common ones. That covers all messages of devices, and the responses of `$management` about
 * partitions. A property named `__proto__` is kept, which rhea's own decoder loses.
 *
 * @returns the same as rhea's decoder; undefined for other messages and for invalid bytes
 */
export function decodeMessage(bytes: Buffer): Message | undefined {
  try {
    return new MessageReader(bytes).message();
  } catch {
    return undefined;
  }
}

const REMEMBERED_SYMBOLS = 256;
const MAX_REMEMBERED_BYTES = 64;
const symbols: ({ bytes: Uint8Array; text: string } | undefined)[] = Array.from({
  length: REMEMBERED_SYMBOLS,
});

function isAt(sought: Uint8Array, bytes: Buffer, start: number, end: number): boolean {
  if (sought.length !== end - start) return false;
  for (let i = 0; i < sought.length; i += 1) if (bytes[start + i] !== sought[i]) return false;
  return true;
}

class MessageReader {
  private at = 0;
  /** the sections that have been read */
  readonly read = {} as Message;

  constructor(private readonly bytes: Buffer) {}

  message(): Message {
    const { bytes, read: message } = this;
    while (this.at < bytes.length) {
      if (this.byte() !== DESCRIBED || this.byte() !== SMALL_ULONG) throw UNFAMILIAR;
      switch (this.byte()) {
        case HEADER:
          this.fields(message, HEADER_FIELDS);
          break;
        case DELIVERY_ANNOTATIONS:
          message.delivery_annotations = this.map();
          break;
        case MESSAGE_ANNOTATIONS:
          message.message_annotations = this.map();
          break;
        case PROPERTIES:
          this.fields(message, PROPERTIES_FIELDS);
          break;
        case APPLICATION_PROPERTIES:
          message.application_properties = this.map();
          break;
        case DATA:
          if (message.body !== undefined) throw UNFAMILIAR;
          message.body = rhea.message.data_section(this.binary()) as unknown;
          break;
        case VALUE:
          if (message.body !== undefined) throw UNFAMILIAR;
          message.body = this.isMap() ? this.map() : this.value();
          break;
        default:
          throw UNFAMILIAR;
      }
    }
    return message;
  }

  private fields(message: Message, names: readonly (keyof Message)[]): void {
    const count = this.count(LIST8, LIST32, LIST0);
    for (let i = 0; i < count; i += 1) {
      const name = names[i];
      if (name === undefined) throw UNFAMILIAR;
      const value = this.value();
      if (value !== null) (message as unknown as Record<string, unknown>)[name] = value;
    }
  }

  private map(): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    const count = this.count(MAP8, MAP32);
    for (let i = 0; i < count; i += 2) {
      const name = this.value();
      if (typeof name !== 'string') throw UNFAMILIAR;
      const value = this.value();
      if (name !== '__proto__') map[name] = value;
      else Object.defineProperty(map, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return map;
  }

  private isMap(): boolean {
    const code = this.bytes[this.at];
    return code === MAP8 || code === MAP32;
  }

  /** Reads the number of values that follow. Their size in bytes is not needed. */
  private count(small: number, large: number, none?: number): number {
    const code = this.byte();
    if (code === none) return 0;
    if (code === small) {
      this.at += 1;
      return this.byte();
    }
    if (code !== large) throw UNFAMILIAR;
    this.at += 4;
    return this.uint();
  }

  private binary(): Buffer {
    const value = this.value();
    if (!Buffer.isBuffer(value)) throw UNFAMILIAR;
    return value;
  }

  private value(): unknown {
    switch (this.byte()) {
      case 0x40:
        return null;
      case 0x41:
        return true;
      case 0x42:
        return false;
      case 0x43: // uint and ulong of 0
      case 0x44:
        return 0;
      case 0x50: // ubyte
      case 0x52: // uint and ulong of a byte
      case 0x53:
        return this.byte();
      case 0x54: // int and long of a byte
      case 0x55:
        return (this.byte() << 24) >> 24;
      case 0x70:
        return this.uint();
      case 0x71:
        return this.uint() | 0;
      case 0x81:
        return this.long();
      case 0x82:
        this.at += 8;
        return this.bytes.readDoubleBE(this.at - 8);
      case 0x83:
        return new Date(this.long());
      case 0xa0:
        return this.slice(this.byte());
      case 0xb0:
        return this.slice(this.uint());
      case 0xa1:
        return this.text('utf8', this.byte());
      case 0xb1:
        return this.text('utf8', this.uint());
      case 0xa3:
        return this.symbol(this.byte());
      case 0xb3:
        return this.text('ascii', this.uint());
      default:
        throw UNFAMILIAR;
    }
  }

  private byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw UNFAMILIAR;
    this.at += 1;
    return value;
  }

  private uint(): number {
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  private long(): number {
    const high = this.uint() | 0;
    if (high > MAX_HIGH_WORD || high < -MAX_HIGH_WORD) throw UNFAMILIAR;
    return high * WORD + this.uint();
  }

  private text(encoding: 'utf8' | 'ascii', length: number): string {
    return this.bytes.toString(encoding, this.skip(length), this.at);
  }

  /** Reads names of annotations and content types, which mostly equal those of the previous message. */
  private symbol(length: number): string {
    if (length > MAX_REMEMBERED_BYTES) return this.text('ascii', length);
    const { bytes } = this;
    const start = this.skip(length);
    const slot = (31 * length + (bytes[start] ?? 0) + 7 * (bytes[this.at - 1] ?? 0)) % REMEMBERED_SYMBOLS;
    const known = symbols[slot];
    if (known && isAt(known.bytes, bytes, start, this.at)) return known.text;
    const text = bytes.toString('ascii', start, this.at);
    symbols[slot] = { bytes: Uint8Array.from(bytes.subarray(start, this.at)), text };
    return text;
  }

  private slice(length: number): Buffer {
    return this.bytes.subarray(this.skip(length), this.at);
  }

  /** @returns the previous position */
  private skip(length: number): number {
    const start = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw UNFAMILIAR;
    return start;
  }
}
