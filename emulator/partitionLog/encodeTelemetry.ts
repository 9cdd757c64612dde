/** A device-to-cloud message before it is assigned to a position in a partition. */
export interface TelemetryMessage {
  readonly body: Buffer;
  readonly system: TelemetrySystemProperties;
  /** Application properties. Names keep their case. */
  readonly properties: readonly (readonly [name: string, value: string])[];
  readonly origin: TelemetryOrigin;
}

export interface TelemetrySystemProperties {
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
}

/** The sender that the hub authenticated, regardless of the content of the message. */
export interface TelemetryOrigin {
  readonly deviceId: string;
  /** If a module of the device has sent the message. */
  readonly moduleId?: string | undefined;
  /** That of the device or the module. */
  readonly generationId: string;
  /** `device`: the device's own key or certificate; `hub`: a shared access policy. */
  readonly authScope: 'device' | 'hub';
  readonly authType: 'sas' | 'x509';
}

/** How the sender was authenticated (iot-hub-devguide-messages-construct, "Anti-spoofing properties"). */
const ISSUER = { sas: 'iothub', x509: 'external' } as const;

export interface MessagePosition {
  readonly sequenceNumber: number;
  readonly offset: number;
  /** Unix time in milliseconds. */
  readonly enqueuedTime: number;
}

// AMQP 1.0 part 1 (types) and part 3 (message sections): the constructors and descriptors used below.
const NULL = 0x40;
const LONG = 0x81;
const TIMESTAMP = 0x83;
const BINARY = 0xa0;
const STRING = 0xa1;
const SYMBOL = 0xa3;
/** Difference between the codes of the variable-width constructors with a 4-byte and a 1-byte length. */
const WIDE = 0x10;
const LIST32 = 0xd0;
const MAP32 = 0xd1;
const MESSAGE_ANNOTATIONS = 0x72;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;

/** Upper bound of all annotation names and type codes in bytes. UTF-8 needs at most three bytes per UTF-16 unit. */
const FIXED_PART_BYTES = 2_048;
const MAX_UTF8_BYTES_PER_UNIT = 3;
const PER_PROPERTY_BYTES = 10;

let out = Buffer.allocUnsafeSlow(512 * 1024);
let at = 0;

/**
 * Encodes a message as the built-in Event Hub endpoint delivers it (iot-hub-devguide-messages-construct, "System
 * properties of D2C messages"). Hand-written, because a general encoder takes ten times as long. Each message is
 * encoded once, when it is stored.
 *
 * @returns a view of a buffer that the next call overwrites: copy it.
 */
export function encodeTelemetry(message: TelemetryMessage, position: MessagePosition): Buffer {
  reserve(message);
  at = 0;
  writeAnnotations(message.origin, position);
  writeProperties(message.system);
  if (message.properties.length > 0) {
    const map = openCompound(APPLICATION_PROPERTIES, MAP32);
    for (const [name, value] of message.properties) {
      writeText(STRING, name);
      writeText(STRING, value);
    }
    closeCompound(map, message.properties.length * 2);
  }
  openSection(DATA);
  writeBytes(message.body);
  return out.subarray(0, at);
}

function writeAnnotations(origin: TelemetryOrigin, position: MessagePosition): void {
  const map = openCompound(MESSAGE_ANNOTATIONS, MAP32);
  writeText(SYMBOL, 'iothub-connection-device-id');
  writeText(STRING, origin.deviceId);
  if (origin.moduleId !== undefined) {
    writeText(SYMBOL, 'iothub-connection-module-id');
    writeText(STRING, origin.moduleId);
  }
  writeText(SYMBOL, 'iothub-connection-auth-method');
  writeText(
    STRING,
    `{"scope":"${origin.authScope}","type":"${origin.authType}","issuer":"${ISSUER[origin.authType]}","acceptingIpFilterRule":null}`,
  );
  writeText(SYMBOL, 'iothub-connection-auth-generation-id');
  writeText(STRING, origin.generationId);
  writeText(SYMBOL, 'iothub-enqueuedtime');
  writeInteger(TIMESTAMP, position.enqueuedTime);
  writeText(SYMBOL, 'iothub-message-source');
  writeText(STRING, 'Telemetry');
  writeText(SYMBOL, 'x-opt-sequence-number');
  writeInteger(LONG, position.sequenceNumber);
  writeText(SYMBOL, 'x-opt-offset');
  writeText(STRING, String(position.offset));
  writeText(SYMBOL, 'x-opt-enqueued-time');
  writeInteger(TIMESTAMP, position.enqueuedTime);
  closeCompound(map, origin.moduleId === undefined ? 16 : 18);
}

function writeProperties(system: TelemetrySystemProperties): void {
  const list = openCompound(PROPERTIES, LIST32);
  writeOptionalText(STRING, system.messageId);
  if (system.userId === undefined) out[at++] = NULL;
  else writeBytes(Buffer.from(system.userId, 'utf8'));
  for (let skipped = 0; skipped < 3; skipped++) out[at++] = NULL; // to, subject, reply-to
  writeOptionalText(STRING, system.correlationId);
  writeOptionalText(SYMBOL, system.contentType);
  writeOptionalText(SYMBOL, system.contentEncoding);
  // expiry and creation time, group id, group sequence and reply-to-group id: a list contains all its fields
  for (let skipped = 0; skipped < 5; skipped++) out[at++] = NULL;
  closeCompound(list, 13);
}

function reserve(message: TelemetryMessage): void {
  const { deviceId, moduleId = '', generationId } = message.origin;
  let units = deviceId.length + moduleId.length + generationId.length;
  for (const value of Object.values(message.system) as (string | undefined)[]) units += value?.length ?? 0;
  for (const [name, value] of message.properties) units += name.length + value.length;
  const need =
    FIXED_PART_BYTES +
    message.body.length +
    units * MAX_UTF8_BYTES_PER_UNIT +
    message.properties.length * PER_PROPERTY_BYTES;
  if (need > out.length) out = Buffer.allocUnsafeSlow(need);
}

function openSection(code: number): void {
  out[at++] = 0x00; // described type
  out[at++] = 0x53; // small ulong
  out[at++] = code;
}

/** Reserves space for size and count, which closeCompound() writes. */
function openCompound(section: number, type: number): number {
  openSection(section);
  out[at++] = type;
  const start = at;
  at += 8;
  return start;
}

function closeCompound(start: number, count: number): void {
  out.writeUInt32BE(at - start - 4, start);
  out.writeUInt32BE(count, start + 4);
}

function writeInteger(type: number, value: number): void {
  out[at++] = type;
  out.writeBigInt64BE(BigInt(value), at);
  at += 8;
}

function writeOptionalText(type: number, value: string | undefined): void {
  if (value === undefined) out[at++] = NULL;
  else writeText(type, value);
}

function writeText(type: number, value: string): void {
  const bytes = Buffer.byteLength(value);
  writeLength(type, bytes);
  at += out.write(value, at);
}

function writeBytes(value: Buffer): void {
  writeLength(BINARY, value.length);
  at += value.copy(out, at);
}

function writeLength(type: number, bytes: number): void {
  if (bytes < 256) {
    out[at++] = type;
    out[at++] = bytes;
  } else {
    out[at++] = type + WIDE;
    at = out.writeUInt32BE(bytes, at);
  }
}
