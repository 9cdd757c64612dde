using '../../../infra/main.bicep'

// What `azd up` deploys with nothing set but what it asks for.
param environmentName = 'default'
param location = 'westeurope'
param corsAllowedOrigins = 'https://shop.example'
param powerBiWorkspaceId = '11111111-1111-1111-1111-111111111111'
param budgetStartDate = '2026-11-01'
