import { createRequire } from 'node:module';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The account and key that Azurite publishes. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

interface BlobServer {
  readonly httpServer: Server;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface Azurite {
  readonly connectionString: string;
  close(): Promise<void>;
}

/** Starts Azurite's Blob storage in this process, in memory, on any free port. */
export async function startAzurite(): Promise<Azurite> {
  const { argv } = process;
  // The factory reads the flags from the command line of the process.
  process.argv = [
    ...argv.slice(0, 2),
    ...[
      '--blobPort',
      '0',
      '--inMemoryPersistence',
      '--skipApiVersionCheck',
      // Without it, Azurite rejects a header of azure-iot-device.
      '--loose',
      '--silent',
      '--disableTelemetry',
    ],
  ];
  let server: BlobServer;
  try {
    const require = createRequire(import.meta.url);
    const { BlobServerFactory } = require('azurite/dist/src/blob/BlobServerFactory.js');
    server = await new BlobServerFactory().createServer();
  } finally {
    process.argv = argv;
  }
  await server.start();
  const { port } = server.httpServer.address() as AddressInfo;
  return {
    connectionString:
      `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};` +
      `BlobEndpoint=http://127.0.0.1:${port}/${ACCOUNT};`,
    close: () => server.close(),
  };
}
