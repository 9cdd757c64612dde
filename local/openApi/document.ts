/** Generates the OpenAPI description of the HTTP API. */

import * as z from 'zod';
import { feedParameters } from '../../src/functions/messageFeed';
import {
  MAX_BODY_BYTES as MAX_REGISTRATION_BYTES,
  deviceRegistration,
} from '../../src/functions/registerDevice';
import {
  MAX_BODY_BYTES as MAX_SEND_BYTES,
  message,
  messageBatch,
  singleMessage,
} from '../../src/functions/sendMessage';
import { PROBLEMS, type ProblemCode } from '../../src/errorCodes';
import { RESPONSE_SCHEMAS, type Schema, ref } from './responseSchemas';

type Responses = Record<string, Schema>;

function requestSchema(schema: z.ZodType): Schema {
  const made: Schema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.fromEntries(Object.entries(made).filter(([name]) => name !== '$schema'));
}

const jsonContent = (schema: Schema): Schema => ({ 'application/json': { schema } });

/** Problem responses by status. Each lists its possible codes. */
function problems(...codes: readonly ProblemCode[]): Responses {
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      {
        description: codes
          .filter((code) => PROBLEMS[code].status === status)
          .map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`)
          .join(' '),
        ...(status === 429 || status >= 503
          ? { headers: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } }
          : {}),
        content: { 'application/problem+json': { schema: ref('Problem') } },
      },
    ]),
  );
}

const ok = (description: string, schema: Schema): Schema => ({ description, content: jsonContent(schema) });
/** The platform rejects a missing or wrong function key before the app runs: without a body, without CORS headers. */
const KEY_REJECTED: Schema = { description: 'The function key is missing or wrong. The body is empty.' };
const PING: Schema = {
  name: 'action',
  in: 'query',
  required: true,
  schema: { const: 'ping' },
  description: 'Opens the connection to the hub. Sends no message.',
};

const preflight = (what: string): Schema => ({
  summary: `Preflight of ${what}`,
  operationId: `preflight${what}`,
  security: [],
  responses: {
    '204': {
      description: 'The CORS headers for an allowed origin; none for another origin.',
      headers: {
        'Access-Control-Allow-Origin': { schema: { type: 'string' } },
        'Access-Control-Allow-Headers': { schema: { type: 'string' } },
        'Access-Control-Max-Age': { schema: { type: 'string' } },
      },
    },
  },
});

const ping = (operationId: string, security: Schema[] | undefined): Schema => ({
  summary: 'Keep warm',
  operationId,
  ...(security && { security }),
  parameters: [PING],
  responses: {
    '200': ok('The module is loaded and the connection to the hub is open.', ref('Status')),
    ...(security ? {} : { '401': KEY_REJECTED }),
    ...problems(
      'invalid_query',
      'not_found',
      'internal_error',
      'settings_invalid',
      'hub_access_denied',
      'hub_throttled',
      'hub_unavailable',
      'hub_timeout',
    ),
  },
});

const BODY_PROBLEMS = [
  'invalid_json',
  'invalid_request',
  'invalid_device_id',
  'length_required',
  'body_too_large',
  'unsupported_media_type',
] as const satisfies readonly ProblemCode[];
const HUB_PROBLEMS = [
  'internal_error',
  'rate_limited',
  'settings_invalid',
  'hub_unavailable',
  'hub_access_denied',
  'hub_throttled',
  'hub_quota_exceeded',
  'hub_timeout',
] as const satisfies readonly ProblemCode[];

/** `after_offset` has its own parser, `src/iothub/feed/cursor.ts`. */
const AFTER_OFFSET: Schema = {
  name: 'after_offset',
  in: 'query',
  schema: { type: 'string', default: '0' },
  description:
    'Where to start: `0` or `-1` for the beginning, `@latest` for new messages only, the `next_offset` of an earlier response, or a plain Event Hubs offset.',
};
const PARAMETER_TEXTS: Readonly<Record<string, string>> = {
  limit: 'Maximum number of messages, 1 to 10,000. Default 1,000.',
  wait: 'Seconds to wait for the first message if there is none, 0 to 60. Default 0.',
  partitions: 'Comma-separated partition ids. Default: all.',
};

/** Creates the description of the HTTP API (OpenAPI 3.1) from the app's own schemas and error catalogue. */
export function openApiDocument(): Schema {
  const queryParameters = Object.keys(feedParameters.shape).map((name) => ({
    name,
    in: 'query',
    schema: requestSchema(feedParameters.shape[name as keyof typeof feedParameters.shape]),
    description: PARAMETER_TEXTS[name],
  }));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hubfront',
      version: '1.0.0',
      summary: 'A serverless front for Azure IoT Hub',
      description:
        'Registers devices, sends messages across origins, and returns the messages of all partitions with one cursor. Errors are problem details (RFC 9457) with a stable `code`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [
      { url: 'http://localhost:7071/api', description: 'npm start' },
      {
        url: 'https://{app}.azurewebsites.net/api',
        description: 'Azure',
        variables: { app: { default: 'my-app', description: 'Name of the function app.' } },
      },
    ],
    security: [{ functionKey: [] }, { functionKeyInQuery: [] }],
    tags: [
      { name: 'Devices', description: 'For pages and phones, with the function key `web`.' },
      { name: 'Messages', description: 'For pages. IoT Hub verifies the device key.' },
      { name: 'Feed', description: 'For workers, with the function key `worker`.' },
    ],
    paths: {
      '/devices': {
        post: {
          tags: ['Devices'],
          summary: 'Register a device',
          operationId: 'registerDevice',
          description: `With \`deviceKey\`, the client proposes its own symmetric key, so that it can repeat the request safely. The body has at most ${MAX_REGISTRATION_BYTES / 1_024} KB.`,
          requestBody: { required: true, content: jsonContent(requestSchema(deviceRegistration)) },
          responses: {
            '200': ok('The device exists, and the request proposed one of its keys.', ref('Registration')),
            '201': {
              ...ok('The device was registered.', ref('Registration')),
              headers: {
                Location: { description: 'The identity in the registry.', schema: { type: 'string' } },
              },
            },
            '401': KEY_REJECTED,
            ...problems(
              'invalid_query',
              ...BODY_PROBLEMS,
              'invalid_device_key',
              'device_unauthorized',
              'device_exists',
              ...HUB_PROBLEMS,
            ),
          },
        },
        get: { tags: ['Devices'], ...ping('pingDevices', undefined) },
        options: { tags: ['Devices'], ...preflight('Devices') },
      },
      '/messages': {
        post: {
          tags: ['Messages'],
          summary: 'Send messages',
          operationId: 'sendMessages',
          security: [],
          description: `One message, or up to 500 of the same device. A message: \`${Object.keys(message.shape).join('`, `')}\`. The body has at most ${MAX_SEND_BYTES / 1_048_576} MB, both compressed and decompressed.`,
          requestBody: {
            required: true,
            content: {
              ...jsonContent({ oneOf: [requestSchema(singleMessage), requestSchema(messageBatch)] }),
              'text/plain': {
                schema: { type: 'string', description: 'The same JSON, as sendBeacon sends it.' },
              },
            },
          },
          responses: {
            '201': ok('IoT Hub has stored every message.', ref('SendResponse')),
            '207': {
              ...ok('IoT Hub has stored some of the messages.', ref('SendResponse')),
              headers: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
            },
            ...problems(
              'invalid_query',
              ...BODY_PROBLEMS,
              'invalid_device_key',
              'invalid_message_id',
              'invalid_property',
              'device_unauthorized',
              'message_too_large',
              ...HUB_PROBLEMS,
            ),
          },
        },
        get: { tags: ['Messages'], ...ping('pingMessages', []) },
        options: { tags: ['Messages'], ...preflight('Messages') },
      },
      '/message_feed': {
        get: {
          tags: ['Feed'],
          summary: 'Read messages after a cursor',
          operationId: 'messageFeed',
          parameters: [AFTER_OFFSET, ...queryParameters, { ...PING, required: false }],
          responses: {
            '200': {
              description: 'The messages, and the cursor of the next request.',
              headers: {
                Link: {
                  description: 'The next request, without the function key.',
                  schema: { type: 'string' },
                },
              },
              content: {
                'application/json': { schema: { oneOf: [ref('FeedPage'), ref('Status')] } },
                'application/x-ndjson': {
                  schema: {
                    type: 'string',
                    description: 'One message per line. The last line has the other members of the page.',
                  },
                },
                'application/cloudevents-batch+json': { schema: { type: 'array', items: ref('CloudEvent') } },
              },
            },
            '401': KEY_REJECTED,
            ...problems(
              'invalid_query',
              'invalid_cursor',
              'unknown_partition',
              'not_acceptable',
              ...HUB_PROBLEMS,
            ),
          },
        },
      },
    },
    components: {
      securitySchemes: {
        functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key' },
        functionKeyInQuery: { type: 'apiKey', in: 'query', name: 'code' },
      },
      headers: {
        RetryAfter: {
          description: 'Seconds to wait before the next try.',
          schema: { type: 'string', pattern: '^[0-9]+$' },
        },
      },
      schemas: RESPONSE_SCHEMAS,
    },
  };
}
