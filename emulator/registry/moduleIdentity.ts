import { z } from 'zod';
import { IotHubError } from '../iotHubError';
import {
  authenticationInput,
  ID,
  makeAuthentication,
  NEVER,
  newEtag,
  newGenerationId,
  type DeviceIdentity,
} from './deviceIdentity';

/** What a client may send as a module identity; read-only fields are ignored, as the hub does. */
export const moduleInput = z.object({
  deviceId: z.string().optional(),
  moduleId: z.string().optional(),
  managedBy: z.string().nullish(),
  authentication: authenticationInput,
});

export type ModuleInput = z.infer<typeof moduleInput>;

/** A module identity as the hub's REST API returns it (rest/api/iothub/service/modules/get-identity). */
export interface ModuleIdentity extends Pick<
  DeviceIdentity,
  | 'deviceId'
  | 'generationId'
  | 'etag'
  | 'connectionState'
  | 'connectionStateUpdatedTime'
  | 'lastActivityTime'
  | 'cloudToDeviceMessageCount'
  | 'authentication'
> {
  readonly moduleId: string;
  /** Who manages the module, such as `iotEdge`. */
  readonly managedBy: string | null;
}

/** @throws IotHubError ArgumentInvalid */
export function assertModuleId(moduleId: string): void {
  if (ID.test(moduleId)) return;
  throw new IotHubError(
    'ArgumentInvalid',
    "Module id must be 1 to 128 of the characters A-Z a-z 0-9 - . % _ * ? ! ( ) , : = @ $ '",
  );
}

/**
 * Creates an identity, or replaces `previous` by `input`, as `makeIdentity` does for a device.
 *
 * @throws IotHubError ArgumentInvalid for a malformed key, or if only one key is given
 */
export const makeModule = (
  deviceId: string,
  moduleId: string,
  input: ModuleInput,
  previous?: ModuleIdentity,
): ModuleIdentity => ({
  moduleId,
  managedBy: input.managedBy ?? null,
  deviceId,
  generationId: previous?.generationId ?? newGenerationId(),
  etag: newEtag(),
  connectionState: previous?.connectionState ?? 'Disconnected',
  connectionStateUpdatedTime: previous?.connectionStateUpdatedTime ?? NEVER,
  lastActivityTime: previous?.lastActivityTime ?? NEVER,
  cloudToDeviceMessageCount: 0,
  authentication: makeAuthentication(input.authentication, previous?.authentication),
});
