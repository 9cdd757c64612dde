/**
 * A phone that registers once through Hubfront and then sends directly to IoT Hub over HTTPS. One file without
 * dependencies, built on WebCrypto and fetch: Capacitor, Node, and React Native with a WebCrypto polyfill (such as
 * react-native-quick-crypto).
 */

/** The identity that a phone stores in its keychain. */
export interface Device {
  /** `<hub>.azure-devices.net` */
  hostName: string;
  deviceId: string;
  /** base64 */
  deviceKey: string;
}

/** An error response of Hubfront, of the hub, or of an intermediary. */
export class HubError extends Error {
  override readonly name = 'HubError';
  constructor(
    readonly status: number,
    /**
     * the code of Hubfront (`device_exists`) or IoT Hub (`IotHubQuotaExceeded`); undefined if neither wrote the
     * response
     */
    readonly code: string | undefined,
    /**
     * whether the same request may succeed later: throttling, quota, a failing hub, or a response that neither server
     * wrote
     */
    readonly retryable: boolean,
    /** seconds to wait, if the server sent `Retry-After` */
    readonly retryAfter: number | undefined,
  ) {
    super(`the server returned ${String(status)}${code === undefined ? '' : ` ${code}`}`);
  }
}

const TOKEN_LIFETIME_S = 3600;
const TOKEN_MARGIN_S = 300;
/** Time for a message of 256 KB at 30 kbit/s. */
const TIMEOUT_MS = 90_000;
/** Responses have a few hundred bytes. Of a longer response, only the start is read. */
const MAX_RESPONSE_BYTES = 65_536;
/**
 * Error codes: in problem details of Hubfront, and in IoT Hub's `{"Message": "ErrorCode:…"}`. Gateways write codes as
 * well, but with other media types.
 */
const HUBFRONT_CODE = { type: /^application\/problem\+json\s*(;|$)/i, code: /"code"\s*:\s*"([a-z_]+)"/ };
const IOT_HUB_CODE = { type: /^application\/json\s*(;|$)/i, code: /ErrorCode:([A-Za-z]+)/ };
const HOST_NAME = /"hostName"\s*:\s*"([A-Za-z0-9.-]+)"/;

/**
 * Creates a key to propose. Store it before you register, so that you can repeat the registration if its response is
 * lost.
 */
export function newDeviceKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * Registers the device, or confirms that it is registered with this key.
 *
 * @param endpoint `https://<app>/api`
 * @throws {@link HubError} 409 if another device has the id; 401 if the function key is wrong. Any other error means
 * that there was no response: retry
 */
export async function registerDevice(
  endpoint: string,
  functionKey: string,
  { deviceId, deviceKey }: Omit<Device, 'hostName'>,
): Promise<Device> {
  const { response, text } = await post(
    `${endpoint}/devices`,
    { 'Content-Type': 'application/json', 'X-Functions-Key': functionKey },
    JSON.stringify({ deviceId, deviceKey }),
  );
  const { status } = response;
  const hostName = HOST_NAME.exec(text)?.[1];
  if ((status === 200 || status === 201) && hostName !== undefined) return { hostName, deviceId, deviceKey };
  // The platform rejects a wrong function key with an empty 401.
  throw hubError(response, codeIn(response, text, HUBFRONT_CODE), status === 401 && text === '');
}

/**
 * Creates a shared access signature for the device's own endpoints.
 *
 * @param expiresAt Unix time, seconds
 * @see https://learn.microsoft.com/azure/iot-hub/iot-hub-dev-guide-sas
 */
export async function createSasToken(device: Device, expiresAt: number): Promise<string> {
  const resource = encode(`${device.hostName}/devices/${device.deviceId}`);
  const secret = Uint8Array.from(atob(device.deviceKey), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  const text = new TextEncoder().encode(`${resource}\n${String(expiresAt)}`);
  const signature = base64(new Uint8Array(await crypto.subtle.sign('HMAC', key, text)));
  return `SharedAccessSignature sr=${resource}&sig=${encode(signature)}&se=${String(expiresAt)}`;
}

/** Sends messages as one device. It keeps the token and renews it before it expires. */
export function createPhone(device: Device, hubUrl = `https://${device.hostName}`) {
  let token = { text: '', expiresAt: 0 };

  const currentToken = async (): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    if (token.expiresAt - TOKEN_MARGIN_S < now) {
      const expiresAt = now + TOKEN_LIFETIME_S;
      token = { text: await createSasToken(device, expiresAt), expiresAt };
    }
    return token.text;
  };

  return {
    /**
     * Resolves when the hub has stored the message.
     *
     * @param messageId use the same id when you send the message again, so that readers can deduplicate
     * @throws {@link HubError} 401 for a wrong key, a disabled device, or a clock that is an hour behind. Any other
     * error means that there was no response: retry
     */
    async send(
      deviceMessage: unknown,
      messageId: string,
      properties: Record<string, string> = {},
    ): Promise<void> {
      const appProperties = Object.entries(properties).map(([name, value]) => [`iothub-app-${name}`, value]);
      const { response, text } = await post(
        `${hubUrl}/devices/${encodeURIComponent(device.deviceId)}/messages/events?api-version=2021-04-12`,
        {
          Authorization: await currentToken(),
          'IoTHub-MessageId': messageId,
          'iothub-contenttype': 'application/json',
          'iothub-contentencoding': 'utf-8',
          ...(Object.fromEntries(appProperties) as Record<string, string>),
        },
        JSON.stringify({ deviceId: device.deviceId, Data: deviceMessage }),
      );
      // The hub confirms with 204. A 200 comes from another server, such as a captive portal.
      if (response.status !== 204) throw hubError(response, codeIn(response, text, IOT_HUB_CODE));
    },
  };
}

async function post(url: string, headers: Record<string, string>, body: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'manual', // following a redirection would change the request to GET
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { response, text: await readStart(response) };
}

async function readStart(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array> | null | undefined)?.getReader();
  if (!reader) return (await response.text()).slice(0, MAX_RESPONSE_BYTES); // React Native has no streams
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < MAX_RESPONSE_BYTES) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}

function codeIn(response: Response, text: string, own: { type: RegExp; code: RegExp }): string | undefined {
  return own.type.test(response.headers.get('Content-Type') ?? '') ? own.code.exec(text)?.[1] : undefined;
}

/** The platform returns errors without a code while an app starts. Proxies and captive portals do that as well. */
function hubError(response: Response, code: string | undefined, isFinal = false): HubError {
  const { status } = response;
  // 403 means a used-up quota, which is reset at midnight UTC.
  const retryable =
    !isFinal && (code === undefined || status === 403 || status === 408 || status === 429 || status >= 500);
  return new HubError(status, code, retryable, secondsOf(response.headers.get('Retry-After')));
}

/** Retry-After in either form, seconds or a date (RFC 9110). */
function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** encodeURIComponent does not encode !'()*, but the hub's own SDKs do. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
