/**
 * Functions that send nothing to the hub. They show how much of a send is the cost of the host, Azure's programming
 * model and the load generator, and so how fast a function in this host can be at most.
 */
import { app } from '@azure/functions';

const RESULT = {
  Data: '1 message(s) from web-aaaaaaaaaaaaaaaaaaaaaaaaaa sent successfully',
  results: [{ messageId: '00000000-0000-0000-0000-000000000000', status: 'accepted' }],
};
const HEADERS = {
  'Content-Type': 'application/json',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  Vary: 'Origin',
  'Access-Control-Allow-Origin': 'https://shop.example',
  'Access-Control-Expose-Headers': 'Retry-After, Location',
};

/** Returns a status at once. */
app.http('empty', {
  route: 'empty',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: () => ({ status: 201 }),
});

/** Reads and parses the body, and returns a response like that of the app. */
app.http('respond', {
  route: 'respond',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request) => {
    await request.json();
    return { status: 201, headers: HEADERS, body: JSON.stringify(RESULT) };
  },
});
