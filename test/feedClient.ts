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

export function openFeedClient(settings: Readonly<Record<string, string>>): FeedClient {
  const hub: IotHub = createIotHub(readSettings(settings));
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
  endpoint: EndpointKind;
  /** the setting that chooses the reader */
  reader: 'amqp' | 'sdk';
}

/** For `describe.each`: the title's parts, then the reading. */
export const FEED_READINGS: readonly (readonly [reader: string, endpoint: string, FeedReading])[] =
  FEED_ENDPOINTS.map((endpoint) => ['our reader', endpoint.name, { endpoint, reader: 'amqp' }]);
