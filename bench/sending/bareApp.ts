/**
 * The bare proxy as a function. It shows the cost of Azure's programming model and the host for a request that is only
 * forwarded to the hub. The caller sends the token.
 */
import { readFileSync } from 'node:fs';
import { app } from '@azure/functions';
import { Pool } from 'undici';

const { IOTHUB_HOSTNAME = '', IOTHUB_ENDPOINT = '', IOTHUB_CA_FILE = '' } = process.env;

const pool = new Pool(IOTHUB_ENDPOINT, {
  connections: 128,
  connect: { ca: readFileSync(IOTHUB_CA_FILE), servername: IOTHUB_HOSTNAME },
});

app.http('sendMessage', {
  route: '{*path}',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request) => {
    const { pathname, search } = new URL(request.url);
    const answer = await pool.request({
      method: 'POST',
      path: pathname.replace(/^\/api/, '') + search,
      headers: {
        host: IOTHUB_HOSTNAME,
        authorization: request.headers.get('authorization') ?? '',
        'content-type': request.headers.get('content-type') ?? '',
      },
      body: Buffer.from(await request.arrayBuffer()),
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const headers = { 'Access-Control-Allow-Origin': '*' };
    return { status: answer.statusCode, headers, ...(body.length > 0 && { body }) };
  },
});
