/** Opens the hub for the analytics job, with the app's own client of the Event Hub-compatible endpoint. */

import * as z from 'zod';
import type { OpenHub } from '../analytics/job';
import { createAmqpGeneration } from '../src/iothub/eventHub/amqpGeneration';
import { NO_OFFSET } from '../src/iothub/feed/cursor';
import { parseEventHubConnection } from '../src/settings/eventHubConnection';

/** A claim is renewed within the last 10 minutes of its hour. */
const RENEWAL_MS = 300_000;

const connectionSchema = z.string().transform(parseEventHubConnection);

export const openHub: OpenHub = (connectionString, consumerGroup) => {
  const eventHub = { ...connectionSchema.parse(connectionString), caFile: undefined };
  const generation = createAmqpGeneration({ eventHub, consumerGroup });
  const received: string[] = [];
  const timer = setInterval(() => {
    // A claim that is not renewed ends its link, which reports that.
    generation.renewClaims(received).catch(() => undefined);
  }, RENEWAL_MS);
  timer.unref();
  return {
    partitionIds: async () => (await generation.readHub()).partitionIds,
    readPartitions: generation.readPartitions,
    receive: (partition, { after, ...options }) => {
      received.push(partition);
      // With a sequence number, the offset only has to be known.
      const position = { sequenceNumber: after ?? -1, offset: after === undefined ? NO_OFFSET : '' };
      return generation.receive(partition, { ...options, after: position });
    },
    close: () => {
      clearInterval(timer);
      generation.end();
    },
  };
};
