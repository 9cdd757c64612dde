import { expect, test } from 'vitest';
import { SettingsError, readSettings } from '../src/settings';

const KEY = Buffer.alloc(32, 7).toString('base64');
const COMPLETE = {
  IOTHUB_HOSTNAME: 'shop.azure-devices.net',
  IOTHUBOWNER_SHAREDACCESSKEY: KEY,
  IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=service;SharedAccessKey=${KEY};EntityPath=shop`,
};
/** Those that may be malformed. */
const SETTINGS = [
  ...Object.keys(COMPLETE),
  'IOTHUB_SHAREDACCESSKEYNAME',
  'MESSAGE_POLL_CONSUMERGROUP',
  'FEED_CLIENT',
  'CORS_ALLOWED_ORIGINS',
  'HUB_DEADLINE_SECONDS',
  'AF_HOST',
  'WEBSITE_HOSTNAME',
  'KEEP_ALIVE_SCHEDULE',
  'KEEP_ALIVE_FUNCTION_KEY',
  'PRODUCTS_DATABASE_URL',
  'PRODUCTS_SCHEDULE',
  'PRODUCTS_STORAGE',
  'PRODUCTS_STORAGE__blobServiceUri',
  'AZURE_MONITOR_METRICS_URL',
  'VISITOR_DEVICES',
  'VISITOR_ID_PREFIX',
  'VISITOR_KEY',
  'IOTHUB_ENDPOINT',
  'IOTHUB_CA_FILE',
];
const SECRETS = [
  'hunter2-Zq9',
  'p@ss/w0rd: 100%#"ok"',
  'a/b+c==Qz19xY',
  'Zx81;Zq9=hush',
  'k%2Fe%zz19',
  '\0hush19Z',
  'ünï-kødé19',
];
/** Where an operator may have put a secret by mistake. */
const PLACES: ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => `Endpoint=sb://x;SharedAccessKey=${secret}`,
  (secret) => `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${secret}`,
  (secret) => `BlobEndpoint=https://a.example;SharedAccessSignature=sv=1&sig=${secret}`,
  (secret) => `https://user:${secret}@host/path?sig=${secret}`,
  (secret) => `postgres://user:${secret}@host/database`,
  (secret) => `["${secret}"]`,
  (secret) => `https://shop.example,${secret}`,
  (secret) => `/nowhere/${secret}`,
];

test.each(SETTINGS)('%s: no error shows a secret that is in it, or a part of one', (setting) => {
  let rejected = 0;
  for (const secret of SECRETS) {
    for (const place of PLACES) {
      try {
        readSettings({ ...COMPLETE, [setting]: place(secret) });
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
        const shown = JSON.stringify([(error as Error).message, (error as SettingsError).problems]);
        expect(shown).toContain(setting);
        const parts = Array.from({ length: secret.length - 4 }, (_, i) => secret.slice(i, i + 5));
        expect(parts.filter((part) => shown.toLowerCase().includes(part.toLowerCase()))).toEqual([]);
        rejected += 1;
      }
    }
  }
  expect(rejected).toBeGreaterThan(0);
});
