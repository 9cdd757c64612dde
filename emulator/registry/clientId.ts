/** The ids of clients: of devices and of modules. */

interface ClientName {
  readonly deviceId: string;
  /** Undefined for a device. */
  readonly moduleId?: string | undefined;
}

/**
 * The id of a client, which is a device or a module: `<device id>` or `<device id>/<module id>`, as in the client id of
 * MQTT. Neither part can contain a slash.
 */
export const clientIdOf = ({ deviceId, moduleId }: ClientName): string =>
  moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;

/** The device that a client is, or belongs to. */
export const deviceIdOf = (clientId: string): string => clientId.split('/', 1)[0] ?? '';

/** The module that a client is; undefined for a device. */
export const moduleIdOf = (clientId: string): string | undefined => clientId.split('/', 2)[1];

/** The path of a client's nodes and of its token: `devices/<id>` or `devices/<id>/modules/<module id>`. */
export function clientPath(clientId: string): string {
  const moduleId = moduleIdOf(clientId);
  return `devices/${deviceIdOf(clientId)}${moduleId === undefined ? '' : `/modules/${moduleId}`}`;
}
