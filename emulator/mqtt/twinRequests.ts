/** Responds to the requests of devices for their twins, over MQTT. */

import { randomUUID } from 'node:crypto';
import { faultError } from '../faultError';
import type { Hub } from '../hub';
import { IotHubError, throttled } from '../iotHubError';
import { deviceTwinJson, readDocument, type Json } from '../twins';
import type { MqttConnection } from './connection';
import { publish } from './deviceConnection';
import { MAX_DELAYED_MESSAGES } from './limits';
import { readJsonPayload } from './payload';
import type { Subscriptions } from './sessions';
import type { Publication } from './topics';

const RESPONSE_FILTER = '$iothub/twin/res/#';

type TwinRequest = Extract<Publication, { kind: 'getTwin' | 'patchReported' }>;

/** Responds to a device's request for its twin; an error is a response as well. */
export type TwinResponder = (request: TwinRequest, payload: Buffer) => void;

/** A response: the status, the parameters after the request id in its topic, and the body. */
interface TwinResponse {
  readonly status: number;
  readonly query?: string;
  readonly body?: unknown;
}

/** iot-mqtt-connect-to-iot-hub, "Retrieving a device twin's properties" and the two sections after it. */
export function createTwinResponder(
  hub: Hub,
  mqtt: MqttConnection,
  deviceId: string,
  subscriptions: Subscriptions,
): TwinResponder {
  let delayed = 0;

  const carryOut = (request: TwinRequest, payload: Buffer): TwinResponse => {
    if (request.kind === 'getTwin') {
      if (!hub.throttle.allow('twinReads')) throw throttled('TwinReads');
      return { status: 200, body: deviceTwinJson(hub.twins.get(deviceId)) };
    }
    if (!hub.throttle.allow('twinUpdates')) throw throttled('TwinUpdates');
    const change = readDocument(readJsonPayload(payload) as Json, 'properties.reported');
    const { version } = request;
    if (version !== undefined && !/^\d{1,15}$/.test(version)) {
      throw new IotHubError('ArgumentInvalid', '$version is not a version.');
    }
    const ifVersion = version === undefined ? undefined : Number(version);
    const { reported } = hub.twins.report(deviceId, change, ifVersion);
    return { status: 204, query: `&$version=${reported.version}` };
  };

  const respond = (request: TwinRequest, payload: Buffer, error?: IotHubError): void => {
    const {
      status,
      query = '',
      body,
    } = tryTo(() => {
      if (error) throw error;
      return carryOut(request, payload);
    });
    if (!subscriptions.has(RESPONSE_FILTER)) return;
    publish(
      mqtt,
      `$iothub/twin/res/${status}/?$rid=${encodeURIComponent(request.requestId)}${query}`,
      body === undefined ? '' : JSON.stringify(body),
    );
  };

  return (request, payload) => {
    hub.requests.twins++;
    const fault = hub.faults.applyHttps({ target: 'twins', method: 'PUBLISH', deviceId });
    switch (fault?.kind) {
      case 'hang':
        break;
      case 'slow':
        if (++delayed === MAX_DELAYED_MESSAGES) mqtt.pause();
        setTimeout(() => {
          if (delayed-- === MAX_DELAYED_MESSAGES) mqtt.resume();
          respond(request, payload);
        }, fault.delayMs);
        break;
      case 'resetBefore':
        mqtt.reset();
        break;
      case 'resetAfter':
        respond(request, payload);
        mqtt.reset();
        break;
      default:
        respond(request, payload, fault && faultError(fault, hub.identity.name));
    }
  };
}

/** An error as a response, with the JSON that the hub sends. */
function tryTo(work: () => TwinResponse): TwinResponse {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return {
      status: error.status,
      body: {
        errorCode: error.number,
        trackingId: randomUUID().replaceAll('-', ''),
        message: error.text,
        timestampUtc: new Date().toISOString(),
      },
    };
  }
}
