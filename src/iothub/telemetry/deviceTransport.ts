/** The HTTPS transport of a device: single sends and batches. */

import type { AuthenticationProvider, Message, TransportConfig } from 'azure-iot-common';
import { encodeUriComponentStrict, endpoint, results } from 'azure-iot-common';
import { Http } from 'azure-iot-device-http';
import { BATCH_CONTENT_TYPE, batchBody } from './batch';
import type { ConnectionPool } from './connectionPool';
import { HubResponseError } from './hubResponse';
import { DeviceMessage } from './telemetryMessage';

const USER_AGENT = 'hubfront';

/** The package exports the class. Its types declare the module that defines the class instead. */
const HttpTransport = Http as unknown as typeof Http.Http;

type Done = (error?: Error, result?: results.MessageEnqueued) => void;

/**
 * The device SDK's HTTPS transport, with both send methods replaced. The SDK's methods take twice the time, cannot be
 * aborted, and write batches without escaping and without system properties. Authentication and messages are those of
 * the SDK.
 */
export class DeviceTransport extends HttpTransport {
  constructor(
    private readonly authentication: AuthenticationProvider,
    private readonly pool: ConnectionPool,
  ) {
    super(authentication, { setOptions: () => undefined });
  }

  override sendEvent(message: Message, done: Done): void {
    const headers = message instanceof DeviceMessage ? message.headers : [];
    this.#post(message, headers, message.getBytes(), done);
  }

  override sendEventBatch(messages: Message[], done: Done): void {
    const batch = messages.filter((message) => message instanceof DeviceMessage);
    this.#post(messages[0], ['content-type', BATCH_CONTENT_TYPE], batchBody(batch), done);
  }

  #post(message: Message | undefined, headers: string[], body: Buffer | string, done: Done): void {
    const signal = message instanceof DeviceMessage ? message.signal : undefined;

    this.authentication.getDeviceCredentials((error?: Error | null, config?: TransportConfig) => {
      if (error || !config) {
        done(error ?? new Error('The device has no credentials'));
        return;
      }
      const path = endpoint.deviceEventPath(encodeUriComponentStrict(config.deviceId));
      const always = [
        ['host', config.host],
        ['authorization', String(config.sharedAccessSignature)],
        ['user-agent', USER_AGENT],
        ['iothub-to', path],
      ].flat();
      const request = {
        method: 'POST' as const,
        path: path + endpoint.versionQueryString(),
        headers: [...always, ...headers],
        body,
      };
      this.pool.request(request, signal).then(
        (response) => {
          if (response.statusCode < 300) done(undefined, new results.MessageEnqueued(response));
          else done(new HubResponseError(response));
        },
        (failure: unknown) => {
          done(failure as Error);
        },
      );
    });
  }
}
