/**
 * The emulator's fixed names and development credentials.
 *
 * They are published on purpose, as Azurite's are: they only grant access to an emulator, which by default
 * listens on the loopback interface only. Never use one of these keys for a real hub.
 */

/** Permissions of IoT Hub's shared access policies (iot-hub-dev-guide-sas, "Access control and permissions"). */
export type Permission = 'RegistryRead' | 'RegistryWrite' | 'ServiceConnect' | 'DeviceConnect';

/** A shared access policy: its key in base64, and its permissions. */
export interface Policy {
  readonly key: string;
  readonly permissions: readonly Permission[];
}

/** `*.localhost` resolves to the loopback interface (RFC 6761), so this name cannot belong to a real hub. */
export const HUB_HOST_NAME = 'hubfront.azure-devices.localhost';

/** The Event Hub-compatible name of the built-in endpoint. */
export const EVENT_HUB_NAME = 'hubfront';

export const CONSUMER_GROUPS = ['$Default', 'message-feed', 'analytics'] as const;

/** IoT Hub's five default policies, with their permissions as in a new hub. */
export const POLICIES = {
  iothubowner: {
    key: 'aHViZnJvbnQtZW11bGF0b3Itb3duZXItLS0tLS0tLS0=',
    permissions: ['RegistryRead', 'RegistryWrite', 'ServiceConnect', 'DeviceConnect'],
  },
  service: { key: 'aHViZnJvbnQtZW11bGF0b3Itc2VydmljZS0tLS0tLS0=', permissions: ['ServiceConnect'] },
  registryRead: { key: 'aHViZnJvbnQtZW11bGF0b3ItcmVnaXN0cnlSZC0tLS0=', permissions: ['RegistryRead'] },
  registryReadWrite: {
    key: 'aHViZnJvbnQtZW11bGF0b3ItcmVnaXN0cnlSVy0tLS0=',
    permissions: ['RegistryRead', 'RegistryWrite'],
  },
  device: { key: 'aHViZnJvbnQtZW11bGF0b3ItZGV2aWNlLS0tLS0tLS0=', permissions: ['DeviceConnect'] },
} as const satisfies Record<string, Policy>;

/** The emulated Device Provisioning Service. Its names and its key are published, as those of the hub. */
export const PROVISIONING = {
  /** `0ne` and eight hexadecimal digits, as Azure assigns them. */
  idScope: '0ne0000CAFE',
  /** The name that devices use. It is the same for each instance of the service in Azure. */
  globalHostName: 'global.azure-devices-provisioning.net',
  /** The name that services use. */
  hostName: 'hubfront.azure-devices-provisioning.localhost',
  policy: 'provisioningserviceowner',
  key: 'aHViZnJvbnQtZW11bGF0b3ItcHJvdmlzaW9uaW5nLS0=',
} as const;

/** The key that signs the access tokens that the emulator issues instead of Microsoft Entra ID. */
export const ENTRA_ID_SIGNING_KEY = 'hubfront-emulator-entra-id-----';

/**
 * The value that the endpoint for managed identities requires in `X-IDENTITY-HEADER`. In Azure it is a secret of the
 * app's sandbox.
 */
export const IDENTITY_HEADER = 'hubfront';

export type PolicyName = keyof typeof POLICIES;

/** A hub's shared access policies. */
export type Policies = Readonly<Record<PolicyName, Policy>>;

export const POLICY_NAMES = Object.keys(POLICIES) as readonly PolicyName[];

/** The policy with that name, or undefined. Policy names are case-sensitive. */
export function policyNamed(policies: Policies, name: string): Policy | undefined {
  return Object.hasOwn(policies, name) ? policies[name as PolicyName] : undefined;
}

/**
 * The path `<id scope>/registrations/…`, without a slash before it, by which a device addresses the service. An id scope
 * is `0ne` and eight hexadecimal digits. The name of a hub is never one, because it has a dot.
 */
export const DEVICE_RESOURCE = /^0ne[0-9a-f]{8}\/registrations\//i;

/** Whether a host name is one of the emulated service, or of one in Azure. */
export const isProvisioningHost = (hostName: string): boolean =>
  hostName === PROVISIONING.hostName || hostName.endsWith('.azure-devices-provisioning.net');
