import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as z from 'zod';
import { readJson } from '../http/body';
import { endpoint, report } from '../http/endpoint';
import { MAX_DEPTH, type Span, elementSpans, isDeeperThan, memberSpans } from '../http/jsonText';
import { validateBody, invalidBody } from '../http/validateBody';
import { type SendResult, sendResultsResponse } from '../http/sendResults';
import { type TelemetryMessage, isMessageId, requireDeviceId } from '../iothub';
import { Problem } from '../problems';
import type { Startup } from '../startup';

/** Room for several of the hub's largest messages (256 KB); a larger body is refused unread. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Of one request. */
const MAX_MESSAGES = 500;

export const message = z.object({
  deviceMessage: z.unknown().refine((value) => value !== undefined, 'is missing'),
  messageId: z.string().optional(),
  properties: z.record(z.string(), z.string()).optional(),
});
const named = message.pick({ messageId: true });
const sender = z.object({ deviceId: z.string(), deviceKey: z.string().min(1).max(256) });
export const singleMessage = sender.extend(message.shape);
export const messageBatch = sender.extend({ messages: z.array(z.unknown()).min(1).max(MAX_MESSAGES) });

/** `POST /api/messages`: sends messages as the device whose key they bring, from any allowed origin. */
export function sendMessage({ hub, cors }: Startup): void {
  app.http('sendMessage', {
    route: 'messages',
    methods: ['POST', 'OPTIONS', 'GET'],
    authLevel: 'anonymous',
    handler: endpoint({
      cors,
      warmUp: () => hub().telemetry.warmUp(),
      handle: async (request, context) => {
        const { telemetry } = hub();
        if (request.method !== 'POST') throw new Problem('not_found', 'Messages are sent by POST.');
        const body = await readJson(request, MAX_BODY_BYTES);
        const isBatch = typeof body.value === 'object' && body.value !== null && 'messages' in body.value;
        const { value, members } = validateBody<z.infer<typeof messageBatch> | z.infer<typeof singleMessage>>(
          isBatch ? messageBatch : singleMessage,
          body,
        );
        const { deviceId, deviceKey, ...sent } = value;
        requireDeviceId(deviceId);

        const read =
          'messages' in sent
            ? readMany(body.text, members, sent.messages)
            : [readMessage(body.text, members, sent)];
        const messages = read.filter((candidate): candidate is TelemetryMessage => !isRefused(candidate));
        const problems = await telemetry.send({ deviceId, deviceKey }, messages);
        for (const problem of new Set(problems)) if (problem) report(problem, context);
        const results = read.map((candidate) =>
          isRefused(candidate) ? candidate : verdictOn(candidate.messageId, problems.shift()),
        );
        return sendResultsResponse(deviceId, results, isBatch);
      },
    }),
  });
}

const isRefused = (read: TelemetryMessage | SendResult): read is SendResult => 'problem' in read;

/** An id that is no valid one is not repeated. */
function verdictOn(messageId: unknown, problem: Problem | undefined): SendResult {
  return { messageId: isMessageId(messageId) ? messageId : null, problem };
}

function readMany(
  text: string,
  members: ReadonlyMap<string, Span>,
  values: readonly unknown[],
): (TelemetryMessage | SendResult)[] {
  if (members.has('deviceMessage')) {
    throw new Problem('invalid_request', 'Send deviceMessage or messages, not both.');
  }
  const spans = elementSpans(text, spanOf(members, 'messages'));
  return values.map((value, index) => {
    try {
      const read = message.safeParse(value);
      if (!read.success) throw invalidBody(read.error);
      return readMessage(text, memberSpans(text, spans[index] ?? { start: 0, end: 0 }), read.data);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return verdictOn(named.safeParse(value).data?.messageId, error);
    }
  });
}

/** Takes the message's text as it was sent, so that it arrives as it was sent. */
function readMessage(
  text: string,
  members: ReadonlyMap<string, Span>,
  { messageId = randomUUID(), properties = {} }: z.infer<typeof message>,
): TelemetryMessage {
  const data = spanOf(members, 'deviceMessage');
  if (isDeeperThan(text, data, MAX_DEPTH)) {
    throw new Problem('invalid_request', `deviceMessage is nested deeper than ${MAX_DEPTH} levels.`);
  }
  const sentProperties = members.get('properties');
  // The schema skips this name, since it is no ordinary one for an object; nothing is left out silently.
  if (sentProperties && memberSpans(text, sentProperties).has('__proto__')) {
    throw new Problem('invalid_property', "A property cannot be named '__proto__'.");
  }
  return { json: text.slice(data.start, data.end), messageId, properties };
}

function spanOf(members: ReadonlyMap<string, Span>, name: string): Span {
  const span = members.get(name);
  if (!span) throw new Problem('invalid_request', `${name}: is missing.`);
  return span;
}
