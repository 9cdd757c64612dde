import { type FileHandle, open } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import * as z from 'zod';
import type { HubEvent } from './event';
import { sqlText } from './query';

/** A line of the message feed's NDJSON: `curl …/message_feed -H 'Accept: application/x-ndjson'`. */
const feedMessage = z.object({
  partitionId: z.string().regex(/^\d+$/),
  sequenceNumber: z.number(),
  enqueuedTimeUtc: z.iso.datetime({ offset: true }),
  deviceId: z.string().nullish(),
  messageId: z.string().nullish(),
  properties: z.record(z.string(), z.unknown()).nullish(),
  body: z.unknown(),
});

/** A sample as the Stream Analytics tools take it from a live input: the payload with the metadata beside it. */
const sampledEvent = z.object({
  EventEnqueuedUtcTime: z.iso.datetime({ offset: true }),
  PartitionId: z.int().nullish(),
  IoTHub: z
    .object({
      MessageId: z.string().nullish(),
      CorrelationId: z.string().nullish(),
      ConnectionDeviceId: z.string().nullish(),
      ConnectionDeviceGenerationId: z.string().nullish(),
    })
    .nullish(),
});

const endOfFeed = z.strictObject({ next_offset: z.string() }).loose();

/**
 * Reads events from a file, in batches: one JSON value a line, or one JSON array. Each is a payload, a payload with
 * IoT Hub's metadata as the Stream Analytics tools sample it, or a message as the feed writes it.
 *
 * @throws Error when the file cannot be read, or is an array that does not parse
 */
export async function* readEventFile(file: string, batchSize: number): AsyncGenerator<HubEvent[]> {
  const handle = await open(file);
  let batch: HubEvent[] = [];
  try {
    for await (const line of (await startsArray(handle)) ? arrayElements(file) : handle.readLines()) {
      const event = line.trim() === '' ? undefined : readLine(line);
      if (event) batch.push(event);
      if (batch.length >= batchSize) {
        yield batch;
        batch = [];
      }
    }
  } finally {
    await handle.close();
  }
  if (batch.length > 0) yield batch;
}

async function startsArray(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1_024), 0, 1_024, 0);
  const start = buffer
    .toString('utf8', 0, bytesRead)
    .replace(/^\uFEFF/, '')
    .trimStart();
  // A line that is an array is a payload of several events; over several lines it is the file's own.
  return start.startsWith('[') && !/^\[[^\n]*\][ \t\r]*\n\s*\S/.test(start);
}

async function* arrayElements(file: string): AsyncGenerator<string> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const result = await connection.stream(
      `SELECT CAST(json AS VARCHAR) FROM read_json_objects(${sqlText(file)}, format = 'array')`,
    );
    for await (const rows of result.yieldRows()) for (const [row] of rows) yield String(row);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** @returns undefined for what is no event: the feed's last line */
function readLine(line: string): HubEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { body: line, enqueuedUs: undefined };
  }
  const message = feedMessage.safeParse(value);
  if (message.success) {
    const { body, enqueuedTimeUtc, partitionId, deviceId, messageId, properties } = message.data;
    return {
      body: typeof body === 'string' ? body : JSON.stringify(body),
      enqueuedUs: microseconds(enqueuedTimeUtc),
      partitionId: Number(partitionId),
      deviceId: deviceId ?? undefined,
      messageId: messageId ?? undefined,
      properties: JSON.stringify(properties ?? {}),
    };
  }
  const sample = sampledEvent.safeParse(value);
  if (sample.success) {
    const { EventEnqueuedUtcTime, PartitionId, IoTHub } = sample.data;
    return {
      body: line,
      enqueuedUs: microseconds(EventEnqueuedUtcTime),
      partitionId: PartitionId ?? undefined,
      deviceId: IoTHub?.ConnectionDeviceId ?? undefined,
      messageId: IoTHub?.MessageId ?? undefined,
      correlationId: IoTHub?.CorrelationId ?? undefined,
      generationId: IoTHub?.ConnectionDeviceGenerationId ?? undefined,
    };
  }
  return endOfFeed.safeParse(value).success ? undefined : { body: line, enqueuedUs: undefined };
}

/** Of an ISO 8601 text, to its sixth decimal. */
function microseconds(text: string): number {
  const decimals = /\.(\d+)/.exec(text)?.[1] ?? '';
  return Math.floor(Date.parse(text) / 1_000) * 1_000_000 + Number(decimals.padEnd(6, '0').slice(0, 6));
}
