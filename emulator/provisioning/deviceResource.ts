/**
 * The path `<id scope>/registrations/…`, without a slash before it, by which a device addresses the service. An id scope
 * is `0ne` and eight hexadecimal digits. The name of a hub is never one, because it has a dot.
 */
export const DEVICE_RESOURCE = /^0ne[0-9a-f]{8}\/registrations\//i;
