import { app } from '@azure/functions';
import * as z from 'zod';
import { text } from '../http/answer';
import { endpoint } from '../http/endpoint';
import { type FeedAnswer, type FeedQuery, parseAfterOffset, toJson } from '../iothub';
import { Problem } from '../problems';
import type { Startup } from '../startup';

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;
/** The platform ends a request after 230 s; a wait stays well below, as do most proxies on the way. */
const MAX_WAIT_S = 60;

const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `is not a whole number from ${from} to ${to}`)
    .transform(Number)
    .refine((value) => value >= from && value <= to, `is not from ${from} to ${to}`);

const parameters = z.object({
  limit: wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT),
  wait: wholeNumber(0, MAX_WAIT_S).default(0),
  partitions: z
    .string()
    .regex(/^\d{1,4}(?:,\d{1,4})*$/, 'is not a comma list of partition ids')
    .transform((list) => [...new Set(list.split(','))])
    .optional(),
});

/** `GET /api/message_feed`: the messages of all partitions after a cursor. */
export function messageFeed({ hub }: Startup): void {
  app.http('messageFeed', {
    route: 'message_feed',
    methods: ['GET'],
    authLevel: 'function',
    handler: endpoint({
      warmUp: () => hub().feed.warmUp(),
      handle: async (request) => {
        const { feed } = hub();
        const answer = await feed.poll(readQuery(request.query));
        return text(200, feedJson(answer), 'application/json');
      },
    }),
  });
}

function readQuery(query: URLSearchParams): FeedQuery {
  const after = parseAfterOffset(query.get('after_offset'));
  const read = parameters.safeParse(Object.fromEntries(query));
  if (!read.success) {
    const wrong = read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    throw new Problem('invalid_query', `${wrong.join('; ')}.`);
  }
  const { limit, wait, partitions } = read.data;
  return { after, limit, waitSeconds: wait, partitions };
}

function feedJson({ messages, cursor, hasMore, gaps, incomplete, reset }: FeedAnswer): string {
  const rest = JSON.stringify({
    next_offset: cursor,
    has_more: hasMore,
    gaps,
    incomplete,
    ...(reset && { reset }),
  });
  return `{"messages":[${messages.map(toJson).join(',')}],${rest.slice(1)}`;
}
