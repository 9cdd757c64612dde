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
    // The service detaches the link of an expired claim, which ends the reading with an error.
    generation.renewClaims(received).catch(() => undefined);
  }, RENEWAL_MS);
  timer.unref();
  return {
    partitionIds: async () => (await generation.readHub()).partitionIds,
    readPartitions: generation.readPartitions,
    receive: (partition, { after, ...options }) => {
      received.push(partition);
      // The position is the sequence number. The offset is not used then, but it must not be NO_OFFSET.
      const position = { sequenceNumber: after ?? -1, offset: after === undefined ? NO_OFFSET : '' };
      return generation.receive(partition, { ...options, after: position });
    },
    close: () => {
      clearInterval(timer);
      generation.end();
    },
  };
};
