// The function app on Flex Consumption: plan, settings, scaling, CORS and network.

import { roles } from 'roles.bicep'

param name string
param planName string
param location string
param tags object
param identityId string

@description('Principal of that identity, which publishes the app\'s metrics.')
param publisherPrincipalId string

@description('Settings by name. Secrets are Key Vault references.')
param settings object

@description('Origins of pages that may call the app; `*` for all.')
param corsAllowedOrigins string[]

@description('URL of the container with the deployed package.')
param packageContainerUrl string

@description('Number of HTTP instances that always run.')
param alwaysReadyInstances int
param maximumInstances int
param instanceMemoryMB int

@description('Distributes the instances over availability zones.')
param zoneRedundant bool

@description('Subnet of the virtual network; empty: no virtual network.')
param subnetId string

@description('Only Front Door may call the app.')
param behindFrontDoor bool

@description('Id of the Front Door profile.')
param frontDoorId string

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      runtime: {
        name: 'node'
        version: '24'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        alwaysReady: alwaysReadyInstances == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: alwaysReadyInstances
              }
            ]
        maximumInstanceCount: maximumInstances
        instanceMemoryMB: instanceMemoryMB
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      // On Flex Consumption, the platform responds to every preflight before the function runs.
      cors: {
        allowedOrigins: corsAllowedOrigins
        supportCredentials: false
      }
      ipSecurityRestrictionsDefaultAction: behindFrontDoor ? 'Deny' : 'Allow'
      ipSecurityRestrictions: behindFrontDoor
        ? [
            {
              name: 'front-door'
              priority: 100
              action: 'Allow'
              tag: 'ServiceTag'
              ipAddress: 'AzureFrontDoor.Backend'
              // All Front Door profiles call from these addresses, but only ours sends this id.
              headers: {
                'x-azure-fdid': [frontDoorId]
              }
            }
          ]
        : []
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: settings
  }

  // Only identities may deploy; publishing passwords are off.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: app
  name: guid(app.id, publisherPrincipalId, roles.monitoringMetricsPublisher)
  properties: {
    principalId: publisherPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}

output id string = app.id
output name string = app.name
output hostName string = app.properties.defaultHostName
