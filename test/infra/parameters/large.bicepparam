using '../../../infra/main.bicep'

// Many units and partitions, the registry by key, the keep-alive timer, event hubs in the place of Power BI.
param environmentName = 'large'
param location = 'westeurope'
param principalId = '22222222-2222-2222-2222-222222222222'
param corsAllowedOrigins = 'https://shop.example, https://www.shop.example'
param alwaysReadyInstances = 0
param maximumInstances = 400
param registryAuthentication = 'key'
param visitorIdPrefix = 'shop_'
param iotHubSku = 'S2'
param iotHubUnits = 10
param iotHubPartitions = 32
param iotHubRetentionDays = 7
param iotHubKey = 'secondary'
param streamingUnits = 20
param analyticsOutput = 'eventHub'
param productsDatabaseUrl = 'postgres://reader:test-password@db.shop.example/shop'
param productsQuery = 'SELECT * FROM analytics_skus'
param alertEmail = 'ops@shop.example'
param monthlyBudget = 5000
param budgetStartDate = '2026-11-01'
