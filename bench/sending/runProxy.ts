/**
 * The minimum cost of a proxy in Node: `node:http` in front of an `undici` pool to the hub. It neither inspects nor
 * validates requests. The caller sends the token.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const { BENCH_ENDPOINT = '', BENCH_HOST = '', BENCH_CA_FILE = '' } = process.env;

const pool = new Pool(BENCH_ENDPOINT, {
  connections: 128,
  connect: { ca: readFileSync(BENCH_CA_FILE), servername: BENCH_HOST },
});

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { authorization = '', 'content-type': type = '' } = request.headers;
    pool
      .request({
        method: 'POST',
        path: request.url ?? '/',
        headers: { host: BENCH_HOST, authorization, 'content-type': type },
        body: Buffer.concat(chunks),
      })
      .then(async ({ statusCode, body }) => {
        const bytes = Buffer.from(await body.arrayBuffer());
        response.writeHead(statusCode, { 'access-control-allow-origin': '*' }).end(bytes);
      })
      .catch(() => response.writeHead(502).end());
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`ready ${(server.address() as AddressInfo).port}`);
});
process.on('SIGTERM', () => process.exit(0));
