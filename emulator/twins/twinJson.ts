import type { DeviceIdentity } from '../registry';
import type { JsonObject } from './json';
import { sectionJson } from './section';
import { twinEtag, type Twin } from './twinStore';

/** A twin as services see it, with the properties of the device's identity (rest/api/iothub/service/devices/get-twin). */
export function twinJson(device: DeviceIdentity, twin: Twin): JsonObject {
  const { authentication, deviceScope, parentScopes } = device;
  return {
    deviceId: device.deviceId,
    etag: twinEtag(twin),
    deviceEtag: device.etag,
    status: device.status,
    ...(device.statusReason === null ? {} : { statusReason: device.statusReason }),
    statusUpdateTime: device.statusUpdatedTime,
    connectionState: device.connectionState,
    lastActivityTime: device.lastActivityTime,
    cloudToDeviceMessageCount: device.cloudToDeviceMessageCount,
    authenticationType: authentication.type,
    x509Thumbprint: { ...authentication.x509Thumbprint },
    modelId: '',
    version: twin.version,
    ...(Object.keys(twin.tags).length > 0 ? { tags: twin.tags } : {}),
    properties: {
      desired: sectionJson(twin.desired, true),
      reported: sectionJson(twin.reported, true),
    },
    capabilities: { ...device.capabilities },
    ...(deviceScope === undefined ? {} : { deviceScope }),
    ...(parentScopes === undefined ? {} : { parentScopes }),
  };
}
