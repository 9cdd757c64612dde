import { decodePropertyBag } from './propertyBag';

/** A parsed topic of a device's message. Its property bag is not decoded. */
export type Publication =
  | { readonly kind: 'telemetry'; readonly propertyBag: string }
  | { readonly kind: 'getTwin'; readonly requestId: string }
  | { readonly kind: 'patchReported'; readonly requestId: string; readonly version: string | undefined }
  | { readonly kind: 'methodResponse'; readonly requestId: string; readonly status: number };

/** What a device subscribes to. */
export type Subscription = 'messages' | 'twinResponses' | 'desiredProperties' | 'methods';

const EVENTS = /^devices\/([^/]+)\/messages\/events(?:\/(.*))?$/s;
const DEVICEBOUND_FILTER = /^devices\/([^/]+)\/messages\/devicebound\/#$/;
const TWIN_REQUEST = /^\$iothub\/twin\/(GET|PATCH\/properties\/reported)\/?\?(.*)$/;
/** A status is an integer (iot-mqtt-connect-to-iot-hub, "Respond to a direct method"). */
const METHOD_RESPONSE = /^\$iothub\/methods\/res\/(-?\d{1,9})\/?\?(.*)$/;
const METHOD_FILTER = /^\$iothub\/methods\/POST\/(?:[^/#+]+\/)?#$/;

/**
 * Parses the topic of a device's message. Returns undefined for an unknown topic.
 *
 * @throws IotHubError ArgumentInvalid when a property bag is malformed
 */
export function readTopic(topic: string, deviceId: string): Publication | undefined {
  const [, id = '', propertyBag = ''] = EVENTS.exec(topic) ?? [];
  if (isDevice(id, deviceId)) return { kind: 'telemetry', propertyBag };
  const [, operation, twinQuery = ''] = TWIN_REQUEST.exec(topic) ?? [];
  if (operation !== undefined) {
    const query = decodePropertyBag(twinQuery);
    const requestId = query.get('$rid');
    if (requestId === undefined) return undefined;
    return operation === 'GET'
      ? { kind: 'getTwin', requestId }
      : { kind: 'patchReported', requestId, version: query.get('$version') };
  }
  const [, status, responseQuery = ''] = METHOD_RESPONSE.exec(topic) ?? [];
  if (status === undefined) return undefined;
  const requestId = decodePropertyBag(responseQuery).get('$rid');
  return requestId === undefined ? undefined : { kind: 'methodResponse', requestId, status: Number(status) };
}

/** Parses a topic filter. Returns undefined for an unknown filter. */
export function readFilter(filter: string, deviceId: string): Subscription | undefined {
  if (isDevice(DEVICEBOUND_FILTER.exec(filter)?.[1] ?? '', deviceId)) return 'messages';
  if (filter === '$iothub/twin/res/#') return 'twinResponses';
  if (filter === '$iothub/twin/PATCH/properties/desired/#') return 'desiredProperties';
  if (METHOD_FILTER.test(filter)) return 'methods';
  return undefined;
}

/** Some SDKs percent-encode the device id in a topic. */
function isDevice(segment: string, deviceId: string): boolean {
  if (segment === deviceId) return true;
  try {
    return decodeURIComponent(segment) === deviceId;
  } catch {
    return false;
  }
}
