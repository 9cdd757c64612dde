/** Formats of single settings: base64, host names, tokens and URLs. */

/** Base64 by RFC 4648, section 4, with padding; not empty. */
export const BASE64 =
  /^(?:[a-z0-9+/]{4})+(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?$|^(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)$/i;

export const HOST_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;
/** A host name with or without a scheme and a port. */
export const HOST_WITH_PORT = /^(?:https?:\/\/)?[a-z0-9.-]+(?::\d{1,5})?$/i;
/** Printable ASCII without spaces, which a header can contain. */
export const TOKEN = /^[\x21-\x7e]+$/;
/** RFC 9110: a token. */
export const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]{1,64}$/;
export const CONTROL_CHARACTER = /\p{Cc}/u;

/** RFC 3986: a user name or password, in which `@ / ? # [ ] %` and spaces are percent-encoded. */
const USER_INFO = "(?:[\\w.~!$&'()*+,;=-]|%[0-9a-f]{2})*";
const DATABASE_HOST = '(?:[\\w.-]+|\\[[0-9a-f:.]+\\])(?::\\d{1,5})?';
/** The form that libpq documents (postgresql.org, "Connection URIs"), with one host. */
const POSTGRES_URL = new RegExp(
  `^postgres(?:ql)?://(?:${USER_INFO}(?::${USER_INFO})*@)?${DATABASE_HOST}(?:/[^/?#@\\s]*)?(?:\\?[^?#@\\s]*)?$`,
  'i',
);

/**
 * Whether a URL is unambiguous. If a password has an unescaped `@` or `/`, a driver would take the rest of the password
 * as the host name, and quote it in its error if that host does not exist.
 */
export function isPostgresUrl(value: string): boolean {
  if (!POSTGRES_URL.test(value)) return false;
  try {
    const { username, password, pathname, search } = new URL(value);
    [username, password, pathname, search].forEach(decodeURIComponent);
    return true;
  } catch {
    return false;
  }
}
