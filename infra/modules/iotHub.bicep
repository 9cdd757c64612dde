// The IoT hub: units, partitions, retention, consumer groups and logs.

import { roles } from 'roles.bicep'

param name string
param location string
param tags object
param skuName string
param units int
param partitionCount int
param retentionDays int

@description('Consumer groups of the built-in endpoint, one for each reader.')
param consumerGroups string[]

@description('Log Analytics workspace that the hub writes its logs to.')
param workspaceId string

@description('Principal that registers devices with Microsoft Entra ID; empty if a shared access key is used.')
param registryPrincipalId string

// Every hub has the policies `service` and `registryReadWrite`, and each grants only what its user needs. They are not
// declared here, because a declaration without keys would create new keys at each deployment.
resource hub 'Microsoft.Devices/IotHubs@2023-06-30' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: skuName
    capacity: units
  }
  properties: {
    eventHubEndpoints: {
      events: {
        partitionCount: partitionCount
        retentionTimeInDays: retentionDays
      }
    }
    routing: {
      // Explicit, because a hub without a fallback route in its template drops all messages when a route is added.
      fallbackRoute: {
        name: '$fallback'
        source: 'DeviceMessages'
        condition: 'true'
        endpointNames: ['events']
        isEnabled: true
      }
    }
    minTlsVersion: '1.2'
    // Stream Analytics and the built-in endpoint only support shared access keys.
    disableLocalAuth: false
    publicNetworkAccess: 'Enabled'
  }
}

@batchSize(1)
resource groups 'Microsoft.Devices/IotHubs/eventHubEndpoints/ConsumerGroups@2023-06-30' = [
  for group in consumerGroups: {
    #disable-next-line use-parent-property // the type between has no resource of its own
    name: '${hub.name}/events/${group}'
    properties: {
      name: group
    }
  }
]

resource registryContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(registryPrincipalId)) {
  scope: hub
  name: guid(hub.id, registryPrincipalId, roles.iotHubRegistryContributor)
  properties: {
    principalId: registryPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.iotHubRegistryContributor)
  }
}

// Logs of rejected and lost data: devices that may not connect, messages that are not accepted or not routed, changed
// identities.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: hub
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in ['Connections', 'DeviceIdentityOperations', 'DeviceTelemetry', 'Routes']: {
        category: category
        enabled: true
      }
    ]
  }
}

output id string = hub.id
output hostName string = hub.properties.hostName
