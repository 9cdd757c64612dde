/** The parameter sets of parameters/, and who has which role in them beside what is the same in all. */
export const SETS = [
  { name: 'default', roles: ['app: IoT Hub Registry Contributor on Devices/IotHubs/iot-*'] },
  {
    name: 'large',
    roles: [
      'job: Azure Event Hubs Data Sender on EventHub/namespaces/evhns-*',
      // who deploys
      '22222222-2222-2222-2222-222222222222: Storage Blob Data Contributor on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
    ],
  },
  {
    name: 'everything',
    roles: [
      'job: Azure Event Hubs Data Sender on EventHub/namespaces/evhns-*',
      '22222222-2222-2222-2222-222222222222: Storage Blob Data Contributor on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
    ],
  },
  { name: 'private', roles: ['app: IoT Hub Registry Contributor on Devices/IotHubs/iot-*'] },
];
