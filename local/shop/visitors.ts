/** Registers a visitor's browser on behalf of the shop's page. */

import type { IncomingMessage } from 'node:http';
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import * as z from 'zod';
import { isCrossOrigin } from '../../emulator/httpsServer/allowedHosts';
import { schemeOf } from '../allowedHosts';
import type { WebApp, WebEnvironment } from '../webServer';

const MAX_BODY_BYTES = 1_024;
const TIMEOUT_MS = 20_000;
/** The form of the identity that the web client proposes: a random id, and a key of 32 bytes. */
const DEVICE_ID = /^web-[0-9a-f-]{36}$/;
const DEVICE_KEY = /^[A-Za-z0-9+/]{43}=$/;

const registration = z.object({
  deviceInfo: z.object({
    deviceId: z.string(),
    authentication: z.object({ symmetricKey: z.object({ primaryKey: z.string() }) }),
  }),
});

export interface Registration {
  /** URL of the function, `http://localhost:7071/api/devices`; read for each visitor */
  url: () => string;
  functionKey: string;
}

/**
 * `POST /visitors`: registers a visitor's browser, with the function key, which pages do not get. The response has the
 * id and key that the app assigned. Only pages of the same origin may do this.
 */
export function createVisitorRoutes({ url, functionKey }: Registration): WebApp {
  const app = new Hono<WebEnvironment>();
  app.post('/visitors', async (context) => {
    const { incoming } = context.env;
    const scheme = schemeOf(incoming.headers['x-forwarded-proto']?.toString());
    if (incoming.headers.origin === undefined || isCrossOrigin(incoming.headers, scheme))
      return refuse(context, 403, 'Only pages of the shop may register visitors');
    const body = await readBody(incoming);
    if (body === undefined) return refuse(context, 413, 'The body is too large');
    const visitor = readVisitor(body);
    if (!visitor) return refuse(context, 400, 'The body is not a proposed device of the web client');
    const register = (proposal: object): Promise<Response | undefined> =>
      fetch(url(), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Functions-Key': functionKey },
        body: JSON.stringify(proposal),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch(() => undefined);
    // Without a device id, the app registers a visitor. If VISITOR_DEVICES is 0, the app requires a device id.
    const asVisitor = await register({ deviceKey: visitor.deviceKey });
    const registered = asVisitor?.status === 400 ? await register(visitor) : asVisitor;
    if (!registered) return refuse(context, 502, 'The functions cannot be reached');
    const device = registered.ok
      ? registeredDevice(await registered.json().catch(() => undefined))
      : undefined;
    if (device) return context.json(device);
    if (registered.ok) return refuse(context, 502, 'The functions returned no device');
    return refuse(context, registered.status as ContentfulStatusCode, 'The device could not be registered');
  });
  return app;
}

const refuse = (context: Context, status: ContentfulStatusCode, title: string): Response =>
  context.json({ title }, status);

/** @returns undefined as soon as the body exceeds the limit, with or without a Content-Length */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // If the request was destroyed, the server could not respond to it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The id and key that the app assigned. They may differ from the proposed ones. */
function registeredDevice(body: unknown): { deviceId: string; deviceKey: string } | undefined {
  const read = registration.safeParse(body);
  if (!read.success) return undefined;
  const { deviceId, authentication } = read.data.deviceInfo;
  return { deviceId, deviceKey: authentication.symmetricKey.primaryKey };
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
