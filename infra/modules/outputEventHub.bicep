// The replacement of the Power BI connector: event hubs that a Fabric eventstream or an Azure Data Explorer data
// connection can read. Rows and columns are the same.

import { roles } from 'roles.bicep'

param jobName string
param jobPrincipalId string
param outputNames string[]
param namespaceName string
param location string
param tags object

resource job 'Microsoft.StreamAnalytics/streamingjobs@2021-10-01-preview' existing = {
  name: jobName
}

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: namespaceName
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: 1
  }
  properties: {
    minimumTlsVersion: '1.2'
    disableLocalAuth: true
    isAutoInflateEnabled: true
    maximumThroughputUnits: 4
  }
}

resource hubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = [
  for outputName in outputNames: {
    parent: namespace
    name: outputName
    properties: {
      partitionCount: 4
      messageRetentionInDays: 1
    }
  }
]

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: namespace
  name: guid(namespace.id, jobPrincipalId, roles.eventHubsDataSender)
  properties: {
    principalId: jobPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.eventHubsDataSender)
  }
}

resource outputs 'Microsoft.StreamAnalytics/streamingjobs/outputs@2021-10-01-preview' = [
  for (outputName, i) in outputNames: {
    parent: job
    name: outputName
    properties: {
      datasource: {
        type: 'Microsoft.EventHub/EventHub'
        properties: {
          authenticationMode: 'Msi'
          serviceBusNamespace: namespace.name
          eventHubName: hubs[i].name
        }
      }
      serialization: {
        type: 'Json'
        properties: {
          encoding: 'UTF8'
          format: 'LineSeparated'
        }
      }
    }
  }
]
