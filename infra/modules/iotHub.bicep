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

@description('Principal that registers devices by Microsoft Entra ID; empty where a shared access key is used.')
param registryPrincipalId string

// The policies `service` and `registryReadWrite` come with every hub, and each can do only what its reader needs.
// They are not declared here: a declaration without keys would make new ones at each deployment.
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
      // Explicit: a hub whose template names no fallback route drops every message once a route is added.
      fallbackRoute: {
        name: '$fallback'
        source: 'DeviceMessages'
        condition: 'true'
        endpointNames: ['events']
        isEnabled: true
      }
    }
    minTlsVersion: '1.2'
    // Stream Analytics and the built-in endpoint know shared access keys only.
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

// What is refused or lost: devices that may not connect, messages that are not accepted or not routed, changed identities.
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
