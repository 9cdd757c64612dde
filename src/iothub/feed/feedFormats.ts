import { quote } from './amqpJson';
import type { FeedPage } from './feedPage';
import { type EncodedFeedMessage, type EncodeMessage, toJson } from './feedMessage';

/** A format of feed responses. */
export interface FeedFormat {
  mediaType: string;
  encode: EncodeMessage;
  /** Serializes a page whose messages `encode` has serialized. */
  write: (page: FeedPage) => Buffer;
  /** headers for the members of the page that this format's body cannot contain */
  headers: (page: FeedPage) => Record<string, string>;
}

const json: FeedFormat = {
  mediaType: 'application/json',
  encode: toJson,
  write: (page) => written('{"messages":[', page.messages, ',', `],${JSON.stringify(state(page)).slice(1)}`),
  headers: () => ({}),
};

/** One message per line. The last line has `next_offset` and the other members of the page. */
const ndjson: FeedFormat = {
  mediaType: 'application/x-ndjson',
  encode: toJson,
  write: ({ messages, ...rest }) =>
    written('', messages, '\n', `${messages.length > 0 ? '\n' : ''}${JSON.stringify(state(rest))}\n`),
  headers: () => ({}),
};

/**
 * CloudEvents 1.0 in JSON batch format, with the attributes and data of Event Grid's IoT Hub telemetry events. A
 * batch cannot contain the cursor, gaps and other members, so they are headers.
 *
 * @see https://learn.microsoft.com/azure/event-grid/event-schema-iot-hub
 */
const cloudEvents = (hubHostName: string): FeedFormat => ({
  mediaType: 'application/cloudevents-batch+json',
  encode: (m) => {
    const attributes = {
      specversion: '1.0',
      type: 'Microsoft.Devices.DeviceTelemetry',
      source: `//${hubHostName}`,
      // Includes the time: a recreated hub restarts its sequence numbers, and an id must be unique.
      id: `${m.partitionId}:${m.sequenceNumber}:${Date.parse(m.enqueuedTimeUtc)}`,
      ...(m.deviceId === null ? {} : { subject: `devices/${m.deviceId}` }),
      time: m.enqueuedTimeUtc,
      datacontenttype: 'application/json',
      partitionid: m.partitionId,
      sequencenumber: String(m.sequenceNumber), // CloudEvents' integers have 32 bits
      offset: m.offset,
      ...(m.gatewayDeviceId === undefined ? {} : { gatewaydeviceid: m.gatewayDeviceId }),
      ...(m.messageId === null ? {} : { messageid: m.messageId }),
      ...(m.createdAt === undefined ? {} : { createdat: m.createdAt }),
      ...(m.correlationId === undefined ? {} : { correlationid: m.correlationId }),
    };
    const { properties, systemProperties, contentType } = m;
    const system =
      contentType === null
        ? systemProperties
        : `${systemProperties.slice(0, -1)}${systemProperties === '{}' ? '' : ','}"content-type":${quote(contentType)}}`;
    const data = `{"properties":${properties},"systemProperties":${system},"body":${m.body.json}}`;
    return `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}`;
  },
  write: ({ messages }) => written('[', messages, ',', ']'),
  headers: ({ hasMore, gaps, incomplete, reset }) => ({
    'Hubfront-Has-More': String(hasMore),
    ...(gaps.length > 0 && {
      'Hubfront-Gaps': gaps.map(({ partitionId, from, to }) => `${partitionId}:${from}-${to}`).join(', '),
    }),
    ...(incomplete.length > 0 && {
      'Hubfront-Incomplete': incomplete.map(({ partitionId, code }) => `${partitionId}:${code}`).join(', '),
    }),
    ...(reset && { 'Hubfront-Reset': 'true' }),
  }),
});

/** All formats, the default first. @param hubHostName the `source` of CloudEvents */
export function createFeedFormats(hubHostName: string): readonly [FeedFormat, ...FeedFormat[]] {
  return [json, ndjson, cloudEvents(hubHostName)];
}

function state({ cursor, hasMore, gaps, incomplete, reset }: Omit<FeedPage, 'messages'>) {
  return { next_offset: cursor, has_more: hasMore, gaps, incomplete, ...(reset && { reset }) };
}

/**
 * Serializes the page into one buffer with its own memory, which the worker can transfer without copying.
 *
 * @param separator one ASCII character
 */
function written(
  before: string,
  messages: readonly EncodedFeedMessage[],
  separator: string,
  after: string,
): Buffer {
  const between = Math.max(0, messages.length - 1);
  const size = messages.reduce(
    (sum, { bytes }) => sum + bytes,
    Buffer.byteLength(before) + between + Buffer.byteLength(after),
  );
  const out = Buffer.allocUnsafeSlow(size);
  let at = out.write(before);
  messages.forEach(({ text }, i) => {
    if (i > 0) at = out.writeUInt8(separator.charCodeAt(0), at);
    at += out.write(text, at);
  });
  out.write(after, at);
  return out;
}
