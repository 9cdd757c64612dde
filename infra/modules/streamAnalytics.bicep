// The Stream Analytics job: inputs, query, event ordering and logs.

param name string
param location string
param tags object

@description('Streaming units in the API\'s numbers: 3 and 7 are a third and two thirds of a V2 unit, 10 is one unit.')
param streamingUnits int
param hubName string
param consumerGroup string

@description('Which of the policy\'s two keys is used: `secondary` while the primary key is being renewed.')
param hubKey 'primary' | 'secondary'

@description('Account and container of the product snapshots.')
param productsAccountName string
param productsContainerName string

param workspaceId string

@description('How late or out of order an event may be, in seconds, before the job adjusts its time.')
param lateArrivalSeconds int
param outOfOrderSeconds int

@description('Prefix of the ids of visitors and gateways.')
param visitorIdPrefix string

// The same file that the Stream Analytics tools open and that the local stack runs, with the prefix of this deployment.
// In a pattern of LIKE, an underscore stands for any character, except in brackets.
var query = replace(
  loadTextContent('../analytics/query.asaql'),
  '\'web-gateway-',
  '\'${replace(visitorIdPrefix, '_', '[_]')}gateway-'
)

resource job 'Microsoft.StreamAnalytics/streamingjobs@2021-10-01-preview' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    sku: {
      name: 'StandardV2'
    }
    jobType: 'Cloud'
    compatibilityLevel: '1.2'
    contentStoragePolicy: 'SystemAccount'
    dataLocale: 'en-US'
    // A row that an output rejects is dropped and counted. `Stop` would retry it indefinitely and block all other
    // rows.
    outputErrorPolicy: 'Drop'
    eventsOutOfOrderPolicy: 'Adjust'
    eventsOutOfOrderMaxDelayInSeconds: outOfOrderSeconds
    eventsLateArrivalMaxDelayInSeconds: lateArrivalSeconds
  }

  resource transformation 'transformations' = {
    name: 'query'
    properties: {
      query: query
      streamingUnits: streamingUnits
    }
  }

  resource events 'inputs' = {
    name: 'events'
    properties: {
      type: 'Stream'
      datasource: {
        type: 'Microsoft.Devices/IotHubs'
        properties: {
          iotHubNamespace: hubName
          endpoint: 'messages/events'
          consumerGroupName: consumerGroup
          sharedAccessPolicyName: 'service'
          sharedAccessPolicyKey: hubKey == 'primary' ? servicePolicy.primaryKey : servicePolicy.secondaryKey
        }
      }
      serialization: {
        type: 'Json'
        properties: {
          encoding: 'UTF8'
        }
      }
    }
  }

  resource products 'inputs' = {
    name: 'products'
    properties: {
      type: 'Reference'
      datasource: {
        type: 'Microsoft.Storage/Blob'
        properties: {
          authenticationMode: 'Msi'
          storageAccounts: [
            {
              accountName: productsAccountName
            }
          ]
          container: productsContainerName
          // The path that snapshotProducts writes, in UTC. The job uses the newest snapshot that is not in the future.
          pathPattern: 'products/{date}/{time}/products.json'
          dateFormat: 'yyyy-MM-dd'
          timeFormat: 'HH-mm'
        }
      }
      serialization: {
        type: 'Json'
        properties: {
          encoding: 'UTF8'
        }
      }
    }
  }

  resource skus 'inputs' = {
    name: 'skus'
    properties: {
      type: 'Reference'
      datasource: {
        type: 'Microsoft.Storage/Blob'
        properties: {
          authenticationMode: 'Msi'
          storageAccounts: [
            {
              accountName: productsAccountName
            }
          ]
          container: productsContainerName
          // Written beside products.json, for the same minute.
          pathPattern: 'products/{date}/{time}/skus.json'
          dateFormat: 'yyyy-MM-dd'
          timeFormat: 'HH-mm'
        }
      }
      serialization: {
        type: 'Json'
        properties: {
          encoding: 'UTF8'
        }
      }
    }
  }
}

#disable-next-line use-recognized-resource-type // a policy has no template type, and yet its keys are listed by this one
var servicePolicy = listKeys(resourceId('Microsoft.Devices/IotHubs/IotHubKeys', hubName, 'service'), '2023-06-30')

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: job
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'Execution'
        enabled: true
      }
      {
        category: 'Authoring'
        enabled: true
      }
    ]
  }
}

output id string = job.id
output principalId string = job.identity.principalId
