using '../../../infra/main.bicep'

// Refused.
param environmentName = 'free'
param location = 'westeurope'
param corsAllowedOrigins = '*'
param iotHubSku = 'F1'
param powerBiWorkspaceId = '11111111-1111-1111-1111-111111111111'
param budgetStartDate = '2026-11-01'
