using '../../../infra/main.bicep'

// Every option on.
param environmentName = 'everything'
param location = 'northeurope'
param principalId = '22222222-2222-2222-2222-222222222222'
param resourceGroupName = 'rg-shop'
param corsAllowedOrigins = 'https://shop.example'
param alwaysReadyInstances = 2
param zoneRedundant = true
param registryAuthentication = 'key'
param iotHubSku = 'S2'
param analyticsOutput = 'eventHub'
param productsDatabaseUrl = 'postgres://reader:test-password@db.internal/shop'
param storageRedundancy = 'GZRS'
param blobSoftDeleteDays = 30
param recoverKeyVault = true
param privateNetworking = true
param natGateway = true
param frontDoor = true
param requestsPerMinute = 120
param networkPrefix = '10.30.0.0/24'
param alertEmail = 'ops@shop.example'
param feedAlerts = true
param logDailyCapGb = 5
param monthlyBudget = 1000
param budgetStartDate = '2026-11-01'
