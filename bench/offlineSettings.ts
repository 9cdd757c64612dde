/** Valid settings for a hub that does not exist, for measurements before the first request. */
export const OFFLINE_SETTINGS: Readonly<Record<string, string>> = {
  IOTHUB_HOSTNAME: 'bench.azure-devices.localhost',
  IOTHUBOWNER_SHAREDACCESSKEY: Buffer.alloc(32).toString('base64'),
  IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=service;SharedAccessKey=${Buffer.alloc(32).toString('base64')};EntityPath=bench;UseDevelopmentEmulator=true`,
};
