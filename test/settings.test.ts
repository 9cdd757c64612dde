import { describe, expect, test } from 'vitest';
import { SettingsError, readSettings } from '../src/settings';

const KEY = Buffer.alloc(32, 7).toString('base64');
const COMPLETE = {
  IOTHUB_HOSTNAME: 'Shop.azure-devices.net',
  IOTHUBOWNER_SHAREDACCESSKEY: KEY,
  IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=service;SharedAccessKey=${KEY};EntityPath=shop`,
};

function refusal(env: Record<string, string>): SettingsError {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error;
  }
  throw new Error('the settings were accepted');
}

describe('settings', () => {
  test('the hub, its policy and its Event Hub-compatible endpoint are enough', () => {
    expect(readSettings(COMPLETE)).toMatchObject({
      hubHostName: 'shop.azure-devices.net',
      registryPolicy: { name: 'iothubowner', key: KEY },
      eventHub: { host: 'ns.servicebus.windows.net', port: 5671, plainTcp: false },
      consumerGroup: '$Default',
      keepAliveSchedule: '0 */4 * * * *',
      corsAllowedOrigins: [],
    });
  });

  test('without an owner key the registry is left to Microsoft Entra ID', () => {
    expect(readSettings({ ...COMPLETE, IOTHUBOWNER_SHAREDACCESSKEY: '' }).registryPolicy).toBeUndefined();
  });

  test('all that is missing or malformed is named at once, and no value is printed', () => {
    const { problems, message } = refusal({
      IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://x;SharedAccessKey=${KEY}`,
      IOTHUBOWNER_SHAREDACCESSKEY: 'hunter2!',
      CORS_ALLOWED_ORIGINS: 'https://shop.example, javascript:alert(1)',
      KEEP_ALIVE_SCHEDULE: 'often',
      IOTHUB_ENDPOINT: 'ftp://127.0.0.1',
      IOTHUB_CA_FILE: '/nowhere/ca.pem',
    });
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
      'CORS_ALLOWED_ORIGINS',
      'IOTHUBOWNER_SHAREDACCESSKEY',
      'IOTHUB_CA_FILE',
      'IOTHUB_ENDPOINT',
      'IOTHUB_EVENTHUB_CONNECTION',
      'IOTHUB_HOSTNAME',
      'KEEP_ALIVE_SCHEDULE',
    ]);
    for (const value of [KEY, 'hunter2!', 'javascript', 'often', 'ftp:', '/nowhere'])
      expect(message).not.toContain(value);
  });

  test.each([
    ['shop.azurewebsites.net', 'https://shop.azurewebsites.net/'],
    ['localhost:7071', 'http://localhost:7071/'],
    ['https://front.shop.example', 'https://front.shop.example/'],
  ])('the keep-alive timer reaches %s at %s', (AF_HOST, url) => {
    expect(readSettings({ ...COMPLETE, AF_HOST }).keepAliveTarget?.href).toBe(url);
  });

  test('the platform names its own host when AF_HOST does not', () => {
    const { keepAliveTarget } = readSettings({ ...COMPLETE, WEBSITE_HOSTNAME: 'shop.azurewebsites.net' });
    expect(keepAliveTarget?.host).toBe('shop.azurewebsites.net');
  });
});
