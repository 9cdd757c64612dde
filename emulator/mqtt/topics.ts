import { decodePathSegment } from '../decodePathSegment';
import { deviceIdOf, moduleIdOf } from '../registry';
import { decodePropertyBag } from './propertyBag';

/** A parsed topic of a device's message. Its property bag is not decoded. */
export type Publication =
  | { readonly kind: 'telemetry'; readonly propertyBag: string }
  | { readonly kind: 'getTwin'; readonly requestId: string }
  | { readonly kind: 'patchReported'; readonly requestId: string; readonly version: string | undefined }
  | { readonly kind: 'methodResponse'; readonly requestId: string; readonly status: number };

/** What a device or a module subscribes to. Only IoT Edge routes messages to the inputs of modules. */
export type Subscription = 'messages' | 'inputs' | 'twinResponses' | 'desiredProperties' | 'methods';

const EVENTS = /^devices\/([^/]+)(?:\/modules\/([^/]+))?\/messages\/events(?:\/(.*))?$/s;
const DEVICEBOUND_FILTER = /^devices\/([^/]+)\/messages\/devicebound\/#$/;
/** The inputs of a module; Microsoft's SDK for .NET leaves out `inputs`. */
const INPUT_FILTER = /^devices\/([^/]+)\/modules\/([^/]+)\/(?:inputs\/)?#$/;
const TWIN_REQUEST = /^\$iothub\/twin\/(GET|PATCH\/properties\/reported)\/?\?(.*)$/;
/** A status is an integer (iot-mqtt-connect-to-iot-hub, "Respond to a direct method"). */
const METHOD_RESPONSE = /^\$iothub\/methods\/res\/(-?\d{1,9})\/?\?(.*)$/;
const METHOD_FILTER = /^\$iothub\/methods\/POST\/(?:[^/#+]+\/)?#$/;

/**
 * Parses the topic of a device's message. Returns undefined for an unknown topic.
 *
 * @throws IotHubError ArgumentInvalid when a property bag is malformed
 */
export function readTopic(topic: string, clientId: string): Publication | undefined {
  const [, deviceSegment = '', moduleSegment, propertyBag = ''] = EVENTS.exec(topic) ?? [];
  if (isClient(deviceSegment, moduleSegment, clientId)) return { kind: 'telemetry', propertyBag };
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
export function readFilter(filter: string, clientId: string): Subscription | undefined {
  if (isClient(DEVICEBOUND_FILTER.exec(filter)?.[1] ?? '', undefined, clientId)) return 'messages';
  const [, deviceSegment = '', moduleSegment] = INPUT_FILTER.exec(filter) ?? [];
  if (isClient(deviceSegment, moduleSegment, clientId)) return 'inputs';
  if (filter === '$iothub/twin/res/#') return 'twinResponses';
  if (filter === '$iothub/twin/PATCH/properties/desired/#') return 'desiredProperties';
  if (METHOD_FILTER.test(filter)) return 'methods';
  return undefined;
}

function isClient(deviceSegment: string, moduleSegment: string | undefined, clientId: string): boolean {
  const moduleId = moduleIdOf(clientId);
  if (moduleSegment === undefined || moduleId === undefined) {
    return moduleSegment === moduleId && isId(deviceSegment, clientId);
  }
  return isId(deviceSegment, deviceIdOf(clientId)) && isId(moduleSegment, moduleId);
}

/** Some SDKs percent-encode the ids in a topic. */
const isId = (segment: string, id: string): boolean => segment === id || decodePathSegment(segment) === id;
