import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

const MAX_BODY_BYTES = 1_024;
const TIMEOUT_MS = 20_000;
/** What the web client proposes: an id that nobody else's device has, and 32 bytes. */
const DEVICE_ID = /^web-[0-9a-f-]{36}$/;
const DEVICE_KEY = /^[A-Za-z0-9+/]{43}=$/;

export interface Registry {
  /** of the functions, `http://localhost:7071/api/devices` */
  url: string;
  functionKey: string;
  /** of the shop: no other site may register visitors here */
  origin: string;
}

/** `POST /visitors`: registers a visitor's browser as a device, with the function key that no page sees. */
export async function registerVisitor(
  request: IncomingMessage,
  response: ServerResponse,
  { url, functionKey, origin }: Registry,
): Promise<void> {
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    const { origin: from, 'content-length': length = '0' } = request.headers;
    if (from !== origin || Number(length) > MAX_BODY_BYTES) {
      answer(403, { title: 'This is for pages of the shop' });
      return;
    }
    const visitor = readVisitor(await text(request));
    if (!visitor) {
      answer(400, { title: 'This is no device of a visitor' });
      return;
    }
    const registered = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Functions-Key': functionKey },
      body: JSON.stringify(visitor),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (registered.ok) answer(200, visitor);
    else answer(registered.status, { title: 'The device could not be registered' });
  } catch {
    if (!response.headersSent) answer(502, { title: 'The functions cannot be reached' });
  }
}

function readVisitor(body: string): { deviceId: string; deviceKey: string } | undefined {
  try {
    const { deviceId, deviceKey } = JSON.parse(body) as Record<string, unknown>;
    return DEVICE_ID.test(String(deviceId)) && DEVICE_KEY.test(String(deviceKey))
      ? { deviceId: String(deviceId), deviceKey: String(deviceKey) }
      : undefined;
  } catch {
    return undefined;
  }
}
