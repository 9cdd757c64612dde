import { connectionStringParts } from './eventHubConnection';

/** Settings that are secrets as a whole. */
const SECRETS = ['IOTHUBOWNER_SHAREDACCESSKEY', 'KEEP_ALIVE_FUNCTION_KEY', 'VISITOR_KEY'];
/** Settings with connection strings, and their secret parts. A shared access signature is secret as a whole. */
const CONNECTION_STRINGS = ['IOTHUB_EVENTHUB_CONNECTION', 'PRODUCTS_STORAGE', 'AzureWebJobsStorage'];
const SECRET_PARTS = ['sharedaccesskey', 'accountkey', 'sharedaccesssignature'];
/** URLs that may contain a password, or a signature in their query. */
const URLS = [
  'PRODUCTS_DATABASE_URL',
  'PRODUCTS_STORAGE__blobServiceUri',
  'AZURE_MONITOR_METRICS_URL',
  'IOTHUB_ENDPOINT',
  'AF_HOST',
];

/** All secrets in the settings, even in invalid ones. Logs and responses must not contain them. */
export function secretsOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const values = (names: readonly string[]): string[] => names.flatMap((name) => env[name]?.trim() ?? []);
  return [
    ...values(SECRETS),
    ...values(CONNECTION_STRINGS).flatMap((text) => {
      const parts = connectionStringParts(text);
      return SECRET_PARTS.flatMap((name) => parts.get(name) ?? []);
    }),
    ...values(URLS).flatMap(secretsOfUrl),
  ].filter((secret) => secret !== '');
}

/** Does not use a URL parser, because the password may make the URL malformed. */
function secretsOfUrl(text: string): string[] {
  const userInfo = /^[^:/?#]+:\/\/[^:]*:(.*)@/s.exec(text)?.[1];
  const query = /^https?:.*?\?(.*)$/s.exec(text)?.[1];
  return [userInfo, query].filter((secret) => secret !== undefined);
}
