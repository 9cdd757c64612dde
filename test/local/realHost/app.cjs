// The function app that both hosts run: each function shows one thing that a host does.
const { app } = require('@azure/functions');

/** What a function sees of a request. */
app.http('echo', {
  route: 'echo/{id?}',
  methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
  handler: async (request) => ({
    jsonBody: {
      method: request.method,
      url: request.url,
      params: request.params,
      query: [...request.query],
      headers: [...request.headers],
      body: await request.text(),
    },
  }),
});

app.http('rest', {
  route: 'rest/{*path}',
  methods: ['GET'],
  handler: ({ params }) => ({ jsonBody: params }),
});

app.http('items', { route: 'items/{id:int}', methods: ['GET'], handler: () => ({ body: 'a number' }) });
app.http('itemByName', { route: 'items/{name}', methods: ['GET'], handler: () => ({ body: 'a name' }) });
app.http('itemOfAll', { route: 'items/all', methods: ['GET'], handler: () => ({ body: 'all' }) });

app.http('locked', { authLevel: 'function', methods: ['GET'], handler: () => ({ body: 'in' }) });
app.http('forAdmin', { authLevel: 'admin', methods: ['GET'], handler: () => ({ body: 'in' }) });
app.http('off', { methods: ['GET'], handler: () => ({ body: 'on' }) });
app.generic('onDemand', { trigger: { type: 'manualTrigger', name: 'input' }, handler: () => undefined });

app.http('fails', {
  methods: ['GET'],
  handler: () => {
    throw new Error('broken');
  },
});

/** Responses of all kinds, by name. */
const RESPONSES = {
  nothing: undefined,
  empty: {},
  text: { body: 'text' },
  bytes: { body: Buffer.from([0, 255]) },
  json: { jsonBody: { a: 1 } },
  emptyText: { body: '' },
  created: { status: 201, body: 'made', headers: { Location: '/api/echo/1' } },
  204: { status: 204 },
  '204WithBody': { status: 204, body: 'text' },
  304: { status: 304, headers: { ETag: '"1"' } },
  '304WithBody': { status: 304, body: 'text' },
  205: { status: 205 },
  299: { status: 299, body: 'text' },
  599: { status: 599, body: 'text' },
  typed: { body: '<p>', headers: { 'Content-Type': 'text/html; charset=utf-8' } },
  length: { body: 'text', headers: { 'Content-Length': '4' } },
  wrongLength: { body: 'text', headers: { 'Content-Length': '9' } },
  chunked: { body: 'text', headers: { 'Transfer-Encoding': 'chunked' } },
  closing: { body: 'text', headers: { Connection: 'close' } },
  dated: { body: 'text', headers: { Date: 'Thu, 01 Jan 1970 00:00:00 GMT', Server: 'own' } },
  list: { body: 'text', headers: { Vary: 'Origin, Accept', 'X-List': '1, 2' } },
  cookies: {
    cookies: [
      { name: 'a', value: '1 2;é' },
      {
        name: 'b',
        value: '2',
        path: '/p',
        domain: 'd.example',
        maxAge: 5,
        secure: true,
        httpOnly: true,
        sameSite: 'Lax',
      },
      { name: 'c', value: '', sameSite: 'None' },
      { name: 'd', value: '4', sameSite: 'Strict', expires: new Date(0) },
    ],
  },
  latin: { body: 'é', headers: { 'X-Latin': '\u00e9' } },
  large: { body: 'x'.repeat(200_000) },
};

app.http('responses', {
  route: 'responses/{kind}',
  methods: ['GET', 'HEAD'],
  handler: ({ params }) => RESPONSES[params.kind],
});
