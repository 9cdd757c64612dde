import type { Client } from '../registry';
import type { JsonObject } from './json';
import { sectionJson } from './section';
import { twinEtag, type Twin } from './twinStore';

/**
 * A twin as services see it, with the properties of its identity (rest/api/iothub/service/devices/get-twin,
 * …/modules/get-twin). The status of a module is that of its device.
 */
export function twinJson({ identity, device }: Client, twin: Twin): JsonObject {
  const isModule = 'moduleId' in identity;
  const { authentication } = identity;
  return {
    deviceId: device.deviceId,
    ...(isModule ? { moduleId: identity.moduleId } : {}),
    etag: twinEtag(twin),
    deviceEtag: identity.etag,
    status: device.status,
    ...(device.statusReason === null ? {} : { statusReason: device.statusReason }),
    statusUpdateTime: device.statusUpdatedTime,
    connectionState: identity.connectionState,
    lastActivityTime: identity.lastActivityTime,
    cloudToDeviceMessageCount: identity.cloudToDeviceMessageCount,
    authenticationType: authentication.type,
    x509Thumbprint: { ...authentication.x509Thumbprint },
    modelId: '',
    version: twin.version,
    ...(Object.keys(twin.tags).length > 0 ? { tags: twin.tags } : {}),
    properties: {
      desired: sectionJson(twin.desired, true),
      reported: sectionJson(twin.reported, true),
    },
    ...(isModule ? {} : deviceProperties(device)),
  };
}

const deviceProperties = ({ capabilities, deviceScope, parentScopes }: Client['device']): JsonObject => ({
  capabilities: { ...capabilities },
  ...(deviceScope === undefined ? {} : { deviceScope }),
  ...(parentScopes === undefined ? {} : { parentScopes }),
});
