import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A response of the app, as it is passed on or spoilt. */
export interface Passed {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array;
  /** Sends so many bytes of the body, and then ends the connection. */
  cutAfter?: number;
}

/** A request with messages, as the app receives it. */
export interface Posted {
  path: string;
  contentType: string;
  messages: { messageId: string; createdAt: string; deviceMessage: unknown }[];
}

/** Changes a response; without a result, the connection is closed without a response. */
export type Fault = (response: Passed, posted: Posted) => Passed | undefined | Promise<Passed | undefined>;

/** Stands before the app, passes all on, and spoils the responses that it is told to spoil. */
export interface Proxy {
  url: string;
  /** every request with messages, in order */
  posts: Posted[];
  /** For the next request with messages to a path that begins so: the app gets it, and its response is changed. */
  spoil: (pathPrefix: string, fault: Fault, times?: number) => void;
  /** Requests with messages do not reach the app: this is the response. */
  replace: (fault: Fault) => void;
  reset: () => void;
  close: () => Promise<void>;
}

/** @param target the app's URL. A first path segment before `/api` is left out, so that each client can have its own. */
export async function startProxy(target: () => string): Promise<Proxy> {
  const posts: Posted[] = [];
  let spoilt: { prefix: string; fault: Fault; times: number }[] = [];
  let replacement: Fault | undefined;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { url: path = '/', method = 'GET', headers } = request;
    const sent = await buffer(request);
    const isPost = method === 'POST' && path.endsWith('/messages');
    const posted = isPost ? readPosted(path, headers['content-type'] ?? '', sent) : undefined;
    if (posted) posts.push(posted);
    const cors = {
      'access-control-allow-origin': headers.origin ?? '*',
      'access-control-expose-headers': 'Retry-After',
    };
    if (replacement && method === 'OPTIONS') {
      const allowed = { ...cors, 'access-control-allow-headers': 'Content-Type' };
      await write(response, { status: 204, headers: allowed, body: '' });
      return;
    }
    if (posted && replacement) {
      await write(response, await replacement({ status: 201, headers: cors, body: '' }, posted));
      return;
    }
    const answer = await fetch(target() + path.replace(/^\/.*?(?=\/api)/, ''), {
      method,
      headers: without(headers as Record<string, string>, ['host', 'connection', 'content-length']),
      ...(sent.length > 0 && { body: sent }),
    });
    const passed = {
      status: answer.status,
      headers: without(Object.fromEntries(answer.headers), ['transfer-encoding']),
      body: new Uint8Array(await answer.arrayBuffer()),
    };
    const spoiler = spoilt.find(({ prefix, times }) => times > 0 && path.startsWith(prefix));
    if (posted && spoiler) spoiler.times -= 1;
    await write(response, posted && spoiler ? await spoiler.fault(passed, posted) : passed);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    posts,
    spoil: (prefix, fault, times = 1) => {
      spoilt.push({ prefix, fault, times });
    },
    replace: (fault) => {
      replacement = fault;
    },
    reset: () => {
      posts.length = 0;
      spoilt = [];
      replacement = undefined;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Headers that belong to one connection, which the next one sets itself. */
function without(headers: Record<string, string>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

function readPosted(path: string, contentType: string, body: Buffer): Posted {
  try {
    const { messages } = JSON.parse(body.toString()) as Pick<Posted, 'messages'>;
    return { path, contentType, messages };
  } catch {
    return { path, contentType, messages: [] }; // the app says what is wrong
  }
}

async function write(response: ServerResponse, passed: Passed | undefined): Promise<void> {
  if (!passed) {
    response.destroy();
    return;
  }
  const { status, headers, body, cutAfter } = passed;
  const bytes = Buffer.from(body as string);
  const length =
    cutAfter === undefined && [204, 304].includes(status) ? {} : { 'content-length': String(bytes.length) };
  response.writeHead(status, { ...headers, ...length });
  if (cutAfter === undefined) response.end(bytes);
  else {
    await new Promise((resolve) => response.write(bytes.subarray(0, cutAfter), resolve));
    response.destroy();
  }
}
