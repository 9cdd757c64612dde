import { PROBLEMS, type ProblemCode } from '../../src/errorCodes';

/** A JSON Schema (2020-12), as OpenAPI 3.1 uses it. */
export type Schema = Readonly<Record<string, unknown>>;

const codes = Object.keys(PROBLEMS) as ProblemCode[];

/** An object whose members are all listed. If the app returns an undocumented member, the tests fail. */
function object(
  properties: Record<string, Schema>,
  optional: readonly string[] = [],
  description?: string,
): Schema {
  return {
    type: 'object',
    ...(description !== undefined && { description }),
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

const array = (items: Schema, description?: string): Schema => ({
  type: 'array',
  ...(description !== undefined && { description }),
  items,
});
const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
const nullableText = (description: string): Schema => ({ type: ['string', 'null'], description });
const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description });
export const ref = (name: keyof typeof RESPONSE_SCHEMAS): Schema => ({
  $ref: `#/components/schemas/${name}`,
});

const dateTime = (description: string): Schema => text(description, { format: 'date-time' });

/** The schemas of the responses, by their names in the description. */
export const RESPONSE_SCHEMAS = {
  Problem: object(
    {
      type: text('`urn:problem-type:hubfront:<code>`', { format: 'uri' }),
      title: text('What kind of error this is.'),
      status: { type: 'integer', minimum: 400, maximum: 599, description: 'The HTTP status.' },
      detail: text('What is wrong with this request.'),
      code: { type: 'string', enum: codes, description: 'Stable code of the error.' },
      results: { type: 'array', items: { $ref: '#/components/schemas/SendResult' } },
    },
    ['results'],
    'Problem details (RFC 9457). `results` is present when a batch of messages was rejected as a whole.',
  ),
  Status: object({ status: { const: 'ok' } }),
  Registration: object({
    deviceInfo: { $ref: '#/components/schemas/DeviceIdentity' },
    hostName: text('Host name of the IoT hub.'),
  }),
  DeviceIdentity: {
    type: 'object',
    description: "The device identity as IoT Hub's registry returns it.",
    properties: {
      deviceId: text('The id of the device.'),
      generationId: text('Distinguishes devices that were registered under the same id one after the other.'),
      etag: text('Version of the identity.'),
      status: { type: 'string', enum: ['enabled', 'disabled'] },
      authentication: {
        type: 'object',
        properties: {
          type: text('`sas` for symmetric keys.'),
          symmetricKey: object({
            primaryKey: text('Base64 key. The device signs its SAS tokens with it.'),
            secondaryKey: text('Base64 key, equally valid.'),
          }),
        },
        required: ['symmetricKey'],
      },
    },
    required: ['deviceId', 'authentication'],
  },
  SendResult: object(
    {
      messageId: nullableText('The message id; `null` if the one in the request is invalid.'),
      status: {
        type: 'string',
        enum: ['accepted', 'rejected', 'retry'],
        description:
          '`accepted`: IoT Hub has stored the message. `rejected`: do not resend it. `retry`: resend it with the same message id.',
      },
      code: { type: 'string', enum: codes, description: 'Why the message was not accepted.' },
      detail: text('What is wrong with this message.'),
    },
    ['code', 'detail'],
  ),
  SendResponse: object({
    Data: text('`<n> message(s) from <deviceId> sent successfully`'),
    results: array(
      { $ref: '#/components/schemas/SendResult' },
      'One result per message, in the order of the request.',
    ),
  }),
  FeedMessage: object(
    {
      partitionId: text('The partition of the Event Hub-compatible endpoint.'),
      offset: text('The offset within the partition.'),
      sequenceNumber: count('The sequence number within the partition.'),
      enqueuedTimeUtc: dateTime('When IoT Hub stored the message.'),
      deviceId: nullableText(
        'The authenticated sender, regardless of the body; `null` for messages without one.',
      ),
      gatewayDeviceId: text('The gateway device that sent the message of a visitor.'),
      messageId: nullableText('The message id; deduplicate by it.'),
      createdAt: text('When the client created the message, if it set this time.'),
      correlationId: text('The correlation id, if the device set one.'),
      contentType: nullableText('The content type that the sender set.'),
      properties: { type: 'object', description: 'Application properties.' },
      systemProperties: {
        type: 'object',
        description: 'Other system properties, by the names that IoT Hub uses.',
      },
      body: {
        description:
          'JSON bodies as JSON, other text as a string, anything else as `{"base64": …}`, with `contentEncoding` if the body is compressed.',
      },
    },
    ['gatewayDeviceId', 'createdAt', 'correlationId'],
  ),
  Gap: object(
    {
      partitionId: text('The partition.'),
      from: count('First missing sequence number.'),
      to: count('Last one.'),
    },
    [],
    'Messages that retention removed before they were read.',
  ),
  IncompletePartition: object(
    { partitionId: text('The partition.'), code: { type: 'string', enum: codes } },
    [],
    'A partition that could not be read this time. Its position is unchanged.',
  ),
  FeedPage: object(
    {
      messages: array(
        { $ref: '#/components/schemas/FeedMessage' },
        'In order within a partition, merged by enqueued time across partitions.',
      ),
      next_offset: text('The cursor: pass it as `after_offset` in the next request.'),
      has_more: {
        type: 'boolean',
        description: 'Whether more messages are waiting. If true, poll again immediately.',
      },
      gaps: array({ $ref: '#/components/schemas/Gap' }),
      incomplete: array({ $ref: '#/components/schemas/IncompletePartition' }),
      reset: {
        const: true,
        description:
          'The cursor came from another or a recreated hub, so reading restarted from the beginning.',
      },
    },
    ['reset'],
  ),
  CloudEvent: {
    type: 'object',
    description: "A message as a CloudEvent 1.0, with the data of Event Grid's IoT Hub telemetry event.",
    properties: {
      specversion: { const: '1.0' },
      type: { const: 'Microsoft.Devices.DeviceTelemetry' },
      source: text('`//<hub host name>`'),
      id: text('`<partition>:<sequence number>:<enqueued time in ms>`'),
      subject: text('`devices/<deviceId>`'),
      time: dateTime('When IoT Hub stored the message.'),
      datacontenttype: { const: 'application/json' },
      partitionid: text('The partition.'),
      sequencenumber: text('The sequence number.'),
      offset: text('The offset.'),
      gatewaydeviceid: text('The gateway, if the device is a visitor.'),
      data: {
        type: 'object',
        properties: { properties: { type: 'object' }, systemProperties: { type: 'object' }, body: {} },
        required: ['properties', 'systemProperties', 'body'],
      },
    },
    required: ['specversion', 'type', 'source', 'id', 'time', 'data'],
  },
} as const satisfies Record<string, Schema>;
