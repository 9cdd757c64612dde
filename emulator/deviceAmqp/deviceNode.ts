/** The nodes of a device (iot-hub-amqp-support, "Device client"). */

/** Telemetry, cloud-to-device messages, requests for the twin, and direct methods. */
type NodeKind = 'events' | 'devicebound' | 'twin' | 'methods';

export interface DeviceNode {
  /** As it stands in the path. Some SDKs percent-encode it. */
  readonly segment: string;
  readonly kind: NodeKind;
}

const NODE = /^devices\/([^/]+)\/(messages\/events|messages\/devicebound|twin|methods\/devicebound)$/i;

const KINDS: Readonly<Record<string, NodeKind>> = {
  'messages/events': 'events',
  'messages/devicebound': 'devicebound',
  twin: 'twin',
  'methods/devicebound': 'methods',
};

/** Whether a path is below a device: a node of the device, of its modules, or an unknown one. */
export const isDevicePath = (path: string): boolean => /^devices\//i.test(path);

export function deviceNodeOf(path: string): DeviceNode | undefined {
  const [, segment = '', node = ''] = NODE.exec(path) ?? [];
  const kind = KINDS[node.toLowerCase()];
  return kind && { segment, kind };
}
