/** The nodes of devices and modules (iot-hub-amqp-support, "Device client" and "Module client"). */

import { decodePathSegment } from '../decodePathSegment';
import { clientIdOf, type ClientRegistry } from '../registry';

/** Telemetry, cloud-to-device messages, requests for the twin, and direct methods. */
type NodeKind = 'events' | 'devicebound' | 'twin' | 'methods';

export interface DeviceNode {
  /** As they stand in the path. Some SDKs percent-encode them. */
  readonly deviceSegment: string;
  /** Undefined for a node of the device itself. */
  readonly moduleSegment: string | undefined;
  readonly kind: NodeKind;
}

const NODE =
  /^devices\/([^/]+)(?:\/modules\/([^/]+))?\/(messages\/events|messages\/devicebound|twin|methods\/devicebound)$/i;

const KINDS: Readonly<Record<string, NodeKind>> = {
  'messages/events': 'events',
  'messages/devicebound': 'devicebound',
  twin: 'twin',
  'methods/devicebound': 'methods',
};

/** Whether a path is below a device: a node of the device, of its modules, or an unknown one. */
export const isDevicePath = (path: string): boolean => /^devices\//i.test(path);

export function deviceNodeOf(path: string): DeviceNode | undefined {
  const [, deviceSegment = '', moduleSegment, node = ''] = NODE.exec(path) ?? [];
  const kind = KINDS[node.toLowerCase()];
  return kind && { deviceSegment, moduleSegment, kind };
}

/** The id of a client whose path has these segments. Segments that are not ids are percent-decoded. */
export function clientIdAt(
  clients: ClientRegistry,
  { deviceSegment, moduleSegment }: Pick<DeviceNode, 'deviceSegment' | 'moduleSegment'>,
): string {
  const asWritten = clientIdOf({ deviceId: deviceSegment, moduleId: moduleSegment });
  if (clients.find(asWritten)) return asWritten;
  return clientIdOf({
    deviceId: idIn(deviceSegment),
    moduleId: moduleSegment === undefined ? undefined : idIn(moduleSegment),
  });
}

/** An encoded slash belongs to no id: it must not turn the id of a device into that of a module. */
function idIn(segment: string): string {
  const id = decodePathSegment(segment);
  return id.includes('/') ? segment : id;
}
