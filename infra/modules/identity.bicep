// The managed identity of the function app.

@description('Name of the identity that the function app runs as.')
param name string
param location string
param tags object

// User-assigned, so that its roles exist before the app first starts and reads its secrets from Key Vault.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
