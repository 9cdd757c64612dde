import { describe } from 'vitest';
import { type IotHub, createFeedFormats, createIotHub, parseAfterOffset } from '../src/iothub';
import { readSettings } from '../src/settings';
import { type EndpointKind, FEED_ENDPOINTS } from './feedEndpoints';

/** A page of the feed, as JSON. */
export interface FeedPage {
  messages: { partitionId: string; sequenceNumber: number; offset: string; body: unknown }[];
  next_offset: string;
  has_more: boolean;
  gaps: { partitionId: string; from: number; to: number }[];
  incomplete: { partitionId: string; code: string }[];
  reset?: true;
}

export interface PollOptions {
  limit?: number;
  partitions?: readonly string[] | undefined;
  waitSeconds?: number;
}

/** The feed of the IoT Hub client, in this process. */
export interface FeedClient {
  /** @throws {Problem} as the feed does */
  poll: (after: string, options?: PollOptions) => Promise<FeedPage>;
  close: () => void;
}

/** @param reader the setting `FEED_CLIENT` */
export function openFeedClient(
  settings: Readonly<Record<string, string>>,
  reader: FeedReading['reader'] = 'amqp',
): FeedClient {
  const hub: IotHub = createIotHub(readSettings({ ...settings, FEED_CLIENT: reader }));
  const [{ encode, write }] = createFeedFormats('');
  return {
    poll: async (after, { limit = 10_000, partitions, waitSeconds = 0 } = {}) => {
      const query = { after: parseAfterOffset(after), limit, waitSeconds, partitions, encode };
      return JSON.parse(write(await hub.feed.poll(query)).toString()) as FeedPage;
    },
    close: () => {
      hub.close();
    },
  };
}

/** Where and how the feed is read: each endpoint with each reader. */
export interface FeedReading {
  title: string;
  endpoint: EndpointKind;
  /** the setting that chooses the reader */
  reader: 'amqp' | 'sdk';
}

const READERS = [
  { title: 'our reader', reader: 'amqp' },
  { title: "Microsoft's SDK", reader: 'sdk' },
] as const;

const READINGS: readonly FeedReading[] = FEED_ENDPOINTS.flatMap((endpoint) =>
  READERS.map(({ title, reader }) => ({ title: `${title} on ${endpoint.name}`, endpoint, reader })),
);

/**
 * Describes each endpoint with each reader. `npm test` runs our reader on the emulator, and the full run the others too.
 */
export function describeFeedReadings(
  options: { concurrent?: boolean },
  body: (reading: FeedReading) => void,
): void {
  describe.each(READINGS.slice(0, 1))('$title', options, body);
  describe.each(READINGS.slice(1))('$title', { ...options, tags: 'full' }, body);
}

/** The endpoints that take the options of Microsoft's library, with each reader. */
export const CONFIGURABLE_READINGS = READINGS.filter(({ endpoint }) => endpoint.isConfigurable);
