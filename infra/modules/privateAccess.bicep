// Private endpoints and DNS zones for the hub, the vault and the storage accounts.

param namePrefix string
param location string
param tags object
param networkId string
param subnetId string
param hostStorageId string
param productsStorageId string
param vaultId string

module blobZone 'privateDnsZone.bicep' = {
  name: 'blobZone'
  params: {
    name: 'privatelink.blob.${environment().suffixes.storage}'
    tags: tags
    networkId: networkId
  }
}

module vaultZone 'privateDnsZone.bicep' = {
  name: 'vaultZone'
  params: {
    name: 'privatelink.vaultcore.azure.net'
    tags: tags
    networkId: networkId
  }
}

var endpoints = [
  {
    name: 'host-storage'
    targetId: hostStorageId
    groupId: 'blob'
  }
  {
    name: 'products-storage'
    targetId: productsStorageId
    groupId: 'blob'
  }
  {
    name: 'key-vault'
    targetId: vaultId
    groupId: 'vault'
  }
]

module privateEndpoints 'privateEndpoint.bicep' = [
  for endpoint in endpoints: {
    name: 'endpoint-${endpoint.name}'
    params: {
      name: '${namePrefix}-${endpoint.name}'
      location: location
      tags: tags
      subnetId: subnetId
      targetId: endpoint.targetId
      groupId: endpoint.groupId
      dnsZoneId: endpoint.groupId == 'blob' ? blobZone.outputs.id : vaultZone.outputs.id
    }
  }
]
