// Assigns a role on a storage account or on one of its containers.

param accountName string

@description('Container that the role applies to; empty: the whole account.')
param containerName string

param principalId string
param principalType 'ServicePrincipal' | 'User' | 'Group' | ''
param roleId string

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: accountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource container 'containers' existing = {
      name: empty(containerName) ? 'none' : containerName
    }
  }
}

var role = {
  principalId: principalId
  principalType: empty(principalType) ? null : principalType
  roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
}

resource onAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(containerName)) {
  scope: account
  name: guid(account.id, principalId, roleId)
  properties: role
}

resource onContainer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(containerName)) {
  scope: account::blobs::container
  name: guid(account::blobs::container.id, principalId, roleId)
  properties: role
}
