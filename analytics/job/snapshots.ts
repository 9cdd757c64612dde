/** Finds and downloads the reference data of the job in Blob storage. */

import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BlobServiceClient, RestError } from '@azure/storage-blob';

/**
 * Default path pattern of a reference input without a definition beside the query. `yyyy-MM-dd` and `HH-mm`, in UTC.
 */
const DEFAULT_PATH_PATTERN = 'products/{date}/{time}/products.json';

export interface Snapshot {
  path: string;
  /** time from which it is valid, from its path, in ms */
  time: number;
  /** of the version of the blob */
  etag: string;
}

export interface SnapshotSource {
  /** names the place of the snapshots: account, container and path pattern */
  origin: string;
  /** all snapshots, oldest first */
  list: () => Promise<Snapshot[]>;
  /** calls `use` with a file that contains the snapshot, and deletes the file afterwards */
  withFile: <T>(snapshot: Snapshot, use: (file: string) => Promise<T>) => Promise<T>;
}

interface InputDefinition {
  ScriptType?: string;
  Name?: string;
  BlobReferenceProperties?: { PathPattern?: string };
}

/**
 * The path pattern of a reference input, from the folder `Inputs` beside the query: the files of the Stream Analytics
 * tools, which have the same patterns as the deployed job.
 */
export async function pathPatternOf(queryFile: string, name: string): Promise<string> {
  const folder = join(dirname(queryFile), 'Inputs');
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.json'));
  for (const file of files) {
    const input = JSON.parse(await readFile(join(folder, file), 'utf8')) as InputDefinition;
    const pattern = input.BlobReferenceProperties?.PathPattern;
    if (input.ScriptType === 'Input' && input.Name?.toLowerCase() === name.toLowerCase() && pattern)
      return pattern;
  }
  return DEFAULT_PATH_PATTERN;
}

/** A time `yyyy-MM-ddTHH:mm` in UTC, in ms; undefined if there is no such day or minute. */
function timeOf(text: string): number | undefined {
  const time = new Date(`${text}:00Z`);
  // Date accepts February 30 and 24:00, but gives another time.
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text) ? time.getTime() : undefined;
}

/** Snapshots of a reference input in Blob storage. A container that does not exist yet counts as empty. */
export function openSnapshots(
  connectionString: string,
  container: string,
  pathPattern: string,
): SnapshotSource {
  const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  const [prefix = ''] = pathPattern.split('{');
  const path = new RegExp(
    `^${pathPattern
      .replace(/[.*+?^$|()[\]\\]/g, '\\$&')
      .replace('{date}', '(?<date>\\d{4}-\\d{2}-\\d{2})')
      .replace('{time}', '(?<hour>\\d{2})-(?<minute>\\d{2})')}$`,
  );
  return {
    origin: [client.accountName, container, pathPattern].join('/'),
    list: async () => {
      const found: Snapshot[] = [];
      try {
        for await (const { name, properties } of client.listBlobsFlat({ prefix })) {
          const { date, hour = '00', minute = '00' } = path.exec(name)?.groups ?? {};
          const time = date === undefined ? undefined : timeOf(`${date}T${hour}:${minute}`);
          if (time !== undefined) found.push({ path: name, etag: properties.etag, time });
        }
      } catch (error) {
        if (!(error instanceof RestError) || error.code !== 'ContainerNotFound') throw error;
      }
      return found.sort((a, b) => a.time - b.time);
    },
    withFile: async ({ path: blob }, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'hubfront-reference-'));
      try {
        const file = join(folder, 'rows.json');
        await client.getBlobClient(blob).downloadToFile(file);
        return await use(file);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
