import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as z from 'zod';
import { type JsonBody, readJson } from '../http/body';
import { endpoint, report } from '../http/endpoint';
import { createAddressLimit } from '../http/addressLimit';
import { validateBody } from '../http/validateBody';
import { type SendResult, sendResultsResponse } from '../http/sendResults';
import { type TelemetryMessage, isMessageId, requireDeviceId, requireDeviceKey } from '../iothub';
import { type JsonNode, type JsonShape, plainValue } from '../json';
import { Problem } from '../errorCodes';
import type { Startup } from '../startup';
import { type Visitors, createRateLimit, isGatewayId } from '../visitors';

/** Enough for several of the hub's largest messages (256 KB). A larger body is rejected without reading it. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Maximum number of messages in one request. */
const MAX_MESSAGES = 500;
/** Maximum number of properties of a message, and of all messages in one request. */
const MAX_PROPERTIES = 100;
const MAX_PROPERTIES_IN_ALL = 5_000;
/** Far more than the known fields; unknown fields are ignored. */
const MAX_FIELDS = 32;
/**
 * Maximum nesting depth of arrays and objects. Parsers of consumers have limits (Ruby 100, .NET 64), and a message
 * that a worker cannot parse would block all later ones.
 */
const MAX_DEPTH = 64;

/** Rate limit of one visitor on one instance, in requests. Each request has up to 500 messages. */
const VISITOR_BURST = 120;
const VISITOR_PER_SECOND = 10;

const messageShape = {
  members: { properties: { members: {}, max: MAX_PROPERTIES } },
  max: MAX_FIELDS,
} satisfies JsonShape;
const bodyShape: JsonShape = {
  members: { ...messageShape.members, messages: { elements: messageShape, max: MAX_MESSAGES } },
  max: MAX_FIELDS,
};

/** The hub parses a time as .NET's DateTime: from the year 1 on, in steps of 100 ns. Seconds are required. */
const HUB_TIME = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?Z$/;
const NO_UTC_TIME =
  'is not a time in UTC such as 2026-11-26T08:30:00.000Z (ISO 8601, years from 0001, seconds with at most 7 decimals)';

export const message = z.object({
  deviceMessage: z.unknown(),
  messageId: z.string().optional(),
  createdAt: z.iso.datetime({ error: NO_UTC_TIME, abort: true }).regex(HUB_TIME, NO_UTC_TIME).optional(),
  properties: z.record(z.string(), z.string()).optional(),
});
const sender = z.object({ deviceId: z.string(), deviceKey: z.string() });
export const singleMessage = sender.extend(message.shape);
export const messageBatch = sender.extend({ messages: z.array(message).min(1).max(MAX_MESSAGES) });
/** The fields that are parsed completely. The message itself is not parsed. */
const messageFields = message.omit({ deviceMessage: true, properties: true });

/**
 * `POST /api/messages`: sends messages as the device whose id and key are in the request; callable from any allowed
 * origin.
 */
export function sendMessage({ hub, settings, cors, log: logOf }: Startup): void {
  const limitAddress = createAddressLimit(settings?.addressHeader);
  const visitorLimit = createRateLimit(VISITOR_BURST, VISITOR_PER_SECOND);
  app.http('sendMessage', {
    route: 'messages',
    methods: ['POST', 'OPTIONS', 'GET'],
    authLevel: 'anonymous',
    handler: endpoint({
      log: logOf,
      cors,
      warmUp: () => hub().telemetry.warmUp(),
      handle: async (request, log) => {
        const { telemetry } = hub();
        if (request.method !== 'POST') throw new Problem('not_found', 'Messages are sent by POST.');
        const body = await readJson(request, MAX_BODY_BYTES, bodyShape);
        for (const [name, member] of body.root.members ?? [])
          if (name !== 'messages') requireDepth(name, member);
        const isBatch = body.root.members?.has('messages') ?? false;
        const { deviceId, deviceKey } = validateBody(sender, body.bytes, body.root);
        requireDeviceId(deviceId);
        requireDeviceKey(deviceKey);
        const { visitors } = hub();
        const isVisitor = visitors?.isVisitor(deviceId) ?? false;
        if (visitors && isVisitor) {
          limitAddress(request);
          requireVisitor(visitors, deviceId, deviceKey);
          const seconds = visitorLimit.take(deviceId);
          if (seconds > 0) throw new Problem('rate_limited', 'Too many requests from this visitor.', seconds);
        } else if (settings && isGatewayId(settings.visitorIdPrefix, deviceId)) {
          throw new Problem('device_unauthorized', NOT_AUTHORIZED);
        }

        const read = isBatch ? readMany(body) : [readMessage(body.bytes, body.root)];
        const messages = read.filter((candidate): candidate is TelemetryMessage => !isRefused(candidate));
        const problems = isVisitor
          ? await telemetry.sendAsVisitor(deviceId, messages)
          : await telemetry.send({ deviceId, deviceKey }, messages);
        for (const problem of new Set(problems)) if (problem) report(problem, log);
        const results = read.map((candidate) =>
          isRefused(candidate) ? candidate : resultOf(candidate.messageId, problems.shift()),
        );
        return sendResultsResponse(deviceId, results, isBatch);
      },
    }),
  });
}

const NOT_AUTHORIZED = 'The device is unknown or disabled, or the device key is wrong.';

function requireVisitor(visitors: Visitors, visitorId: string, key: string): void {
  const isKey = visitors.isKeyOf(visitorId, key);
  if (!isKey || visitors.isBlocked(visitorId)) throw new Problem('device_unauthorized', NOT_AUTHORIZED);
}

const isRefused = (read: TelemetryMessage | SendResult): read is SendResult => 'problem' in read;

/** An invalid id is not returned. */
function resultOf(messageId: unknown, problem: Problem | undefined): SendResult {
  return { messageId: isMessageId(messageId) ? messageId : null, problem };
}

function readMany({ bytes, root }: JsonBody): (TelemetryMessage | SendResult)[] {
  const list = root.members?.get('messages');
  if (root.members?.has('deviceMessage')) {
    throw new Problem('invalid_request', 'Send deviceMessage or messages, not both.');
  }
  const { elements = [], isTruncated } = list ?? {};
  if (elements.length === 0) {
    throw new Problem('invalid_request', 'messages: is empty, or is not a list of messages.');
  }
  if (isTruncated) {
    throw new Problem('invalid_request', `messages: contains more than ${MAX_MESSAGES} messages.`);
  }
  const propertiesOf = ({ members }: JsonNode): number => members?.get('properties')?.members?.size ?? 0;
  if (elements.reduce((sum, node) => sum + propertiesOf(node), 0) > MAX_PROPERTIES_IN_ALL) {
    throw new Problem(
      'invalid_property',
      `The messages of a request may have at most ${MAX_PROPERTIES_IN_ALL} properties together.`,
    );
  }
  return elements.map((node) => {
    try {
      return readMessage(bytes, node);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return resultOf(messageIdOf(bytes, node), error);
    }
  });
}

/** Keeps the bytes of the message, so that they arrive unchanged. */
function readMessage(bytes: Buffer, node: JsonNode): TelemetryMessage {
  const { messageId = randomUUID(), createdAt } = validateBody(messageFields, bytes, node);
  const data = node.members?.get('deviceMessage');
  if (!data) throw new Problem('invalid_request', 'deviceMessage: is missing.');
  requireDepth('deviceMessage', data);
  const properties = readProperties(bytes, node.members?.get('properties'));
  return { json: bytes.subarray(data.start, data.end), messageId, createdAt, properties };
}

function readProperties(bytes: Buffer, node: JsonNode | undefined): Record<string, string> {
  if (node === undefined) return {};
  if (node.kind !== 'object') throw new Problem('invalid_request', 'properties: is not an object.');
  if (node.hasDuplicates) throw new Problem('invalid_request', 'properties: a name occurs more than once.');
  if (node.isTruncated) {
    throw new Problem('invalid_property', `A message has at most ${MAX_PROPERTIES} properties.`);
  }
  const properties: Record<string, string> = {};
  for (const [name, value] of node.members ?? []) {
    // Assigning to this name would set the object's prototype.
    if (name === '__proto__') throw new Problem('invalid_property', `A property cannot be named '${name}'.`);
    if (value.kind !== 'string') throw new Problem('invalid_request', 'properties: a value is not a string.');
    properties[name] = String(plainValue(bytes, value));
  }
  return properties;
}

function requireDepth(name: string, { depth }: JsonNode): void {
  if (depth > MAX_DEPTH) {
    throw new Problem('invalid_request', `${name} is nested deeper than ${MAX_DEPTH} levels.`);
  }
}

/** The id of a rejected message for its result, if it is valid. */
function messageIdOf(bytes: Buffer, { members }: JsonNode): string | undefined {
  const node = members?.get('messageId');
  return node?.kind === 'string' ? String(plainValue(bytes, node)) : undefined;
}
