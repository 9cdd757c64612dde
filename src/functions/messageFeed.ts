/** The function that returns messages to workers: parameters, limits and formats of the feed. */

import { app } from '@azure/functions';
import * as z from 'zod';
import { bodyResponse } from '../http/response';
import { endpoint } from '../http/endpoint';
import { acceptedEncoding, acceptedMediaType, encoded } from '../http/negotiation';
import { type FeedPage, type FeedQuery, createFeedFormats, parseAfterOffset } from '../iothub';
import { createMetricSender } from '../monitoring/customMetric';
import { type PollResult, createFeedLag } from '../monitoring/feedLag';
import { Problem } from '../errorCodes';
import type { Startup } from '../startup';

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;
/** The platform ends a request after 230 s, and many proxies earlier. A wait stays well below both. */
const MAX_WAIT_S = 60;

const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `is not a whole number from ${from} to ${to}`)
    .transform(Number)
    .refine((value) => value >= from && value <= to, `is not from ${from} to ${to}`);

export const feedParameters = z.object({
  limit: wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT),
  wait: wholeNumber(0, MAX_WAIT_S).default(0),
  partitions: z
    .string()
    .regex(/^\d{1,4}(?:,\d{1,4})*$/, 'is not a comma-separated list of partition ids')
    .transform((list) => [...new Set(list.split(','))])
    .optional(),
});

/** `GET /api/message_feed`: the messages of all partitions after a cursor. */
export function messageFeed({ hub, settings, log: logOf }: Startup): void {
  const formats = createFeedFormats(settings?.hubHostName ?? '');
  const feedLag = createFeedLag(settings?.metricsUrl ? createMetricSender(settings.metricsUrl) : undefined);
  app.http('messageFeed', {
    route: 'message_feed',
    methods: ['GET'],
    authLevel: 'function',
    handler: endpoint({
      log: logOf,
      headers: { Vary: 'Accept, Accept-Encoding' },
      parameters: ['after_offset', ...Object.keys(feedParameters.shape)],
      warmUp: () => hub().feed.warmUp(),
      handle: async (request, log) => {
        const { feed } = hub();
        const mediaType = acceptedMediaType(
          request,
          formats.map((format) => format.mediaType),
        );
        const coding = acceptedEncoding(request);
        const format = formats.find((one) => one.mediaType === mediaType) ?? formats[0];
        const page = await feed.poll({ ...readQuery(request.query), encode: format.encode });
        const lag = lagOf(page);
        if (lag) feedLag.record(lag, log);
        const { body, headers } = await encoded(format.write(page), coding);
        return bodyResponse(200, body, mediaType, {
          ...headers,
          ...format.headers(page),
          Link: `<${nextUrl(request.url, page.cursor)}>; rel="next"`,
        });
      },
    }),
  });
}

/** @returns undefined if no message was read and a partition could not be read, because the lag is then unknown */
function lagOf({ messages, incomplete }: FeedPage): PollResult | undefined {
  const newest = messages.at(-1);
  if (!newest) return incomplete.length > 0 ? undefined : { lagSeconds: 0, messages: 0 };
  const lagSeconds = Math.max(0, (Date.now() - Date.parse(newest.enqueuedTimeUtc)) / 1000);
  return { lagSeconds, messages: messages.length };
}

/** Removes a function key from the URL. The caller adds its key itself. */
function nextUrl(url: string, cursor: string): string {
  const next = new URL(url);
  for (const name of new Set(next.searchParams.keys())) {
    if (name.toLowerCase() === 'code') next.searchParams.delete(name);
  }
  next.searchParams.set('after_offset', cursor);
  return next.href;
}

function readQuery(query: URLSearchParams): Omit<FeedQuery, 'encode'> {
  const after = parseAfterOffset(query.get('after_offset'));
  const read = feedParameters.safeParse(Object.fromEntries(query));
  if (!read.success) {
    const wrong = read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    throw new Problem('invalid_query', `${wrong.join('; ')}.`);
  }
  const { limit, wait, partitions } = read.data;
  return { after, limit, waitSeconds: wait, partitions };
}
