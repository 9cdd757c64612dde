/** Responds to the requests of devices and modules for their twins, for MQTT and AMQP. */

import type { Hub } from '../hub';
import { errorDocument, IotHubError, throttled } from '../iotHubError';
import { readJsonPayload } from '../parseJson';
import { deviceTwinJson, readDocument, type Json } from '../twins';

export type TwinRequest =
  | { readonly kind: 'getTwin'; readonly payload: Buffer }
  | {
      readonly kind: 'patchReported';
      /** JSON. */
      readonly payload: Buffer;
      /** The version that the reported properties must have; undefined: any version. */
      readonly version: string | undefined;
    };

export interface TwinResponse {
  readonly status: number;
  /** The new version of the reported properties. */
  readonly version?: number;
  readonly body?: unknown;
}

/** iot-mqtt-connect-to-iot-hub, "Retrieving a device twin's properties" and the two sections after it. */
function carryOut(hub: Hub, clientId: string, request: TwinRequest): TwinResponse {
  if (request.kind === 'getTwin') {
    if (!hub.throttle.allow('twinReads')) throw throttled('TwinReads');
    return { status: 200, body: deviceTwinJson(hub.twins.get(clientId)) };
  }
  if (!hub.throttle.allow('twinUpdates')) throw throttled('TwinUpdates');
  const change = readDocument(readJsonPayload(request.payload) as Json, 'properties.reported');
  const { version } = request;
  if (version !== undefined && !/^\d{1,15}$/.test(version)) {
    throw new IotHubError('ArgumentInvalid', '$version must be a whole number.');
  }
  const { reported } = hub.twins.report(
    clientId,
    change,
    version === undefined ? undefined : Number(version),
  );
  return { status: 204, version: reported.version };
}

/**
 * Carries out a request. An error is a response as well, with the JSON that the hub sends.
 *
 * @param rejection the error with which a fault rejects the request
 */
export function respondToTwinRequest(
  hub: Hub,
  clientId: string,
  request: TwinRequest,
  rejection?: IotHubError,
): TwinResponse {
  try {
    if (rejection) throw rejection;
    return carryOut(hub, clientId, request);
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return { status: error.status, body: errorDocument(error.number, error.text) };
  }
}
