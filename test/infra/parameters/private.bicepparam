using '../../../infra/main.bicep'

// Storage, Key Vault and the products database behind private endpoints.
param environmentName = 'private'
param location = 'northeurope'
param corsAllowedOrigins = '*'
param alwaysReadyInstances = 2
param powerBiWorkspaceId = '11111111-1111-1111-1111-111111111111'
param productsDatabaseUrl = 'postgres://reader:test-password@db.internal/shop'
param privateNetworking = true
param networkPrefix = '10.20.0.0/24'
param budgetStartDate = '2026-11-01'
