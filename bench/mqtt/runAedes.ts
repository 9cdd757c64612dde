/** A bare `aedes` over TLS: it authenticates nobody and stores nothing. Runs in a separate process. */

import { writeFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { Aedes } from 'aedes';
import { generate } from 'selfsigned';
import * as z from 'zod';

/** The file that the server's certificate is written to, for the clients. */
const environment = z.object({ BENCH_CERTIFICATE_FILE: z.string() });

async function main(): Promise<void> {
  const { BENCH_CERTIFICATE_FILE: file } = environment.parse(process.env);
  // The same kind of key as that of the emulator.
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  await writeFile(file, made.cert);
  const aedes = await Aedes.createBroker();
  const server = createServer({ key: made.private, cert: made.cert }, (socket: Socket) => {
    socket.setNoDelay(true);
    aedes.handle(socket);
  });
  server.listen(0, '127.0.0.1', () => {
    console.log(`ready ${(server.address() as AddressInfo).port}`);
  });
}

void main();
