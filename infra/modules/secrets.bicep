// Secrets that the deployment writes to the vault: the hub's policies and the database URL.

param vaultName string
param hubName string

@description('Which of a policy\'s two keys is used: `secondary` while the primary key is being renewed.')
param hubKey 'primary' | 'secondary'

@description('Whether the app accesses the registry with the key of the policy `registryReadWrite` instead of an identity.')
param withRegistryKey bool

@secure()
@description('URL of the products database; empty: none.')
param productsDatabaseUrl string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource hub 'Microsoft.Devices/IotHubs@2023-06-30' existing = {
  name: hubName
}

var events = hub.properties.eventHubEndpoints.events

#disable-next-line use-recognized-resource-type // a policy has no template type, and yet its keys are listed by this one
var servicePolicy = listKeys(resourceId('Microsoft.Devices/IotHubs/IotHubKeys', hubName, 'service'), '2023-06-30')
#disable-next-line use-recognized-resource-type
var registryPolicy = listKeys(
  resourceId('Microsoft.Devices/IotHubs/IotHubKeys', hubName, 'registryReadWrite'),
  '2023-06-30'
)

resource eventHubConnection 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'iothub-eventhub-connection'
  properties: {
    contentType: 'Event Hub-compatible endpoint of the IoT hub, policy service'
    value: 'Endpoint=${events.endpoint};SharedAccessKeyName=service;SharedAccessKey=${hubKey == 'primary' ? servicePolicy.primaryKey : servicePolicy.secondaryKey};EntityPath=${events.path}'
  }
}

resource registryKey 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (withRegistryKey) {
  parent: vault
  name: 'iothub-registry-key'
  properties: {
    contentType: 'IoT hub, policy registryReadWrite'
    value: hubKey == 'primary' ? registryPolicy.primaryKey : registryPolicy.secondaryKey
  }
}

resource databaseUrl 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(productsDatabaseUrl)) {
  parent: vault
  name: 'products-database-url'
  properties: {
    contentType: 'PostgreSQL connection string'
    value: productsDatabaseUrl
  }
}
