// A storage account with its containers and logs.

param name string
param location string
param tags object
param containers string[]

@description('How the data is replicated: within one data centre, across zones, and to the paired region.')
param redundancy 'LRS' | 'ZRS' | 'GRS' | 'GZRS'

@description('Days for which deleted and overwritten blobs can be restored.')
param softDeleteDays int

@description('Log Analytics workspace that the account writes its logs to.')
param workspaceId string

@description('Closes the account to the internet. It is then reached through a private endpoint, and by trusted Azure services if `trustedServices` is set.')
param private bool

@description('Allows Azure services with a role here (Stream Analytics), although the account is closed.')
param trustedServices bool

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_${redundancy}'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private && !trustedServices ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: trustedServices ? 'AzureServices' : 'None'
      defaultAction: private ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
  }
}

// Reads are not logged, because the Functions host and the job read every few seconds.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in ['StorageDelete', 'StorageWrite']: {
        category: category
        enabled: true
      }
    ]
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [
  for containerName in containers: {
    parent: blobs
    name: containerName
  }
]

output id string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
