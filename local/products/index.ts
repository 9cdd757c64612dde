import type { Server } from 'node:net';
import { type Child, startChild } from '../childProcess';

export { startProductDatabase } from './productDatabase';

/** Azurite's published development account. */
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export const databaseUrl = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`;

export const storageConnection = (port: number): string =>
  `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};BlobEndpoint=http://127.0.0.1:${port}/${ACCOUNT};`;

/**
 * Starts Azurite's Blob storage, in memory. `ready` resolves with its URL.
 *
 * @param listener already listens on the port
 */
export function startBlobStorage(port: number, log: (line: string) => void, listener?: Server): Child {
  return startChild({
    name: 'Azurite',
    listener,
    args: [
      ...['local/launch.mjs', 'products:storage'],
      ...['--blobHost', '127.0.0.1', '--blobPort', String(port)],
      ...['--inMemoryPersistence', '--skipApiVersionCheck', '--silent', '--disableTelemetry'],
    ],
    ready: /^storage ready (\S+)/,
    log,
  });
}
