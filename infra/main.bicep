// The whole deployment: its parameters, and the modules that it consists of.

targetScope = 'subscription'

import { asBrowsersSendThem, isOrigin } from 'modules/origins.bicep'
import { roles } from 'modules/roles.bicep'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; a short hash of this name is part of the names of all resources.')
param environmentName string

@minLength(1)
@description('Region of all resources. It must offer Flex Consumption, IoT Hub and Stream Analytics V2; azd lists only such regions.')
@allowed([
  'australiaeast'
  'australiasoutheast'
  'brazilsouth'
  'canadacentral'
  'centralindia'
  'centralus'
  'eastasia'
  'eastus'
  'eastus2'
  'francecentral'
  'germanywestcentral'
  'japaneast'
  'koreacentral'
  'northcentralus'
  'northeurope'
  'norwayeast'
  'southcentralus'
  'southeastasia'
  'swedencentral'
  'uaenorth'
  'uksouth'
  'ukwest'
  'westcentralus'
  'westeurope'
  'westus'
  'westus2'
  'westus3'
])
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Name of the resource group; empty: rg-<environment>.')
param resourceGroupName string = ''

@description('Principal that deploys, which may write product snapshots manually if there is no products database. Empty: nobody.')
param principalId string = ''

// --- Front -----------------------------------------------------------------------------------------------------

@minLength(1)
@description('Origins whose pages may call the app, comma-separated, such as `https://shop.example`; `*` for all. The platform compares them exactly, so wildcards for subdomains are not possible.')
param corsAllowedOrigins string

@minValue(0)
@maxValue(100)
@description('Number of HTTP instances that always run, so that no page waits for a start. 0: the keep-alive timer runs instead, which keeps at most one instance warm.')
param alwaysReadyInstances int = 1

@minValue(40)
@maxValue(1000)
@description('Maximum number of instances, which limits the cost of a flood of requests.')
param maximumInstances int = 100

@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Spreads the app\'s instances over availability zones; needs `ZRS` or `GZRS`, and 0 or at least 2 always-ready instances.')
param zoneRedundant bool = false

@allowed(['identity', 'key'])
@description('How the app registers devices: by its managed identity, or by the key of the policy `registryReadWrite`.')
param registryAuthentication string = 'identity'

// --- Visitors --------------------------------------------------------------------------------------------------

@minValue(0)
@maxValue(256)
@description('Number of gateway devices for the visitors of pages, who then need no devices of their own. 0: every browser registers as a device.')
param visitorDevices int = 16

@minLength(1)
@maxLength(64)
@description('Prefix of the ids of visitors and gateways.')
param visitorIdPrefix string = 'web-'

@description('Blocked visitors: ids or prefixes of ids, comma-separated.')
param visitorBlocklist string = ''

// --- IoT Hub ---------------------------------------------------------------------------------------------------

@description('S1, S2 or S3.')
param iotHubSku string = 'S1'

@minValue(1)
@maxValue(200)
param iotHubUnits int = 1

@minValue(2)
@maxValue(32)
@description('Partitions of the built-in endpoint. Cannot be changed after the hub was created.')
param iotHubPartitions int = 4

@minValue(1)
@maxValue(7)
@description('Days for which messages are kept, and so the longest time that a worker or the job may be down.')
param iotHubRetentionDays int = 1

@allowed(['primary', 'secondary'])
@description('The key of the hub\'s policies that is in use; the other one can be renewed.')
param iotHubKey string = 'primary'

@allowed(['amqp', 'sdk'])
@description('The client that reads the feed: our own, or `@azure/event-hubs`.')
param feedClient string = 'amqp'

@description('Time limit of one registration or send in seconds, including retries.')
@minValue(1)
@maxValue(120)
param hubDeadlineSeconds int = 10

// --- Analytics -------------------------------------------------------------------------------------------------

@allowed([3, 7, 10, 20, 30, 40, 50, 60])
@description('Streaming units in the API\'s numbers: 3 is a third of a V2 unit, 10 is one unit.')
param streamingUnits int = 3

@allowed(['powerBi', 'eventHub'])
@description('Destination of the rows: Power BI (until 2027-10-31), or event hubs for a Fabric eventstream or Azure Data Explorer.')
param analyticsOutput string = 'powerBi'

@description('Id of the Power BI workspace; the preprovision hook finds or creates it.')
param powerBiWorkspaceId string = ''

@description('Name of the Power BI workspace. Empty: `Hubfront <environment>`. Each environment needs its own, because two jobs must not write to one dataset.')
param powerBiWorkspaceName string = ''

@secure()
@description('PostgreSQL URL of the products. Empty: the app takes no product snapshots.')
param productsDatabaseUrl string = ''

@description('SQL that returns one row per product; empty: the default, for the tables in docs/analytics.md.')
param productsQuery string = ''

@description('SQL that returns one row per SKU; empty: the default, or with productsQuery the SKUs among its rows.')
param skusQuery string = ''

// --- Storage and secrets ---------------------------------------------------------------------------------------

@allowed(['LRS', 'ZRS', 'GRS', 'GZRS'])
@description('How storage is replicated: within one data centre, across zones, to the paired region, or both. Choose it with the first deployment.')
param storageRedundancy string = 'LRS'

@minValue(1)
@maxValue(365)
@description('Days for which deleted and overwritten blobs can be restored.')
param blobSoftDeleteDays int = 7

@description('Recovers a deleted vault of this environment with its secrets. The preprovision hook sets it if it finds one.')
param recoverKeyVault bool = false

// --- Network and operations ------------------------------------------------------------------------------------

@description('Storage and Key Vault behind private endpoints, the app in a virtual network. Costs extra: docs/deploying.md.')
param privateNetworking bool = false

@description('One fixed address for outgoing calls of the app, through a NAT gateway. Costs extra: docs/deploying.md.')
param natGateway bool = false

@description('Azure Front Door with a firewall in front of the app, which then rejects other requests. Costs extra: docs/deploying.md.')
param frontDoor bool = false

@minValue(10)
@maxValue(100000)
@description('With Front Door: maximum number of requests per minute from one client address to the anonymous endpoint.')
param requestsPerMinute int = 300

@description('Prefix of the virtual network, /16 to /24.')
param networkPrefix string = '10.0.0.0/24'

@description('E-mail address for alerts and budget notices. Empty: no e-mails are sent.')
param alertEmail string = ''

@minValue(30)
@description('Delay of a worker or the job in seconds at which an alert fires.')
param maxLagSeconds int = 300

@description('Whether alerts fire for workers that are behind or have stopped polling. Without workers, these alerts do not fire.')
param feedAlerts bool = true

@description('Daily limit of the logs in GB; -1: no limit.')
param logDailyCapGb int = 1

@minValue(0)
@description('Monthly budget in the subscription\'s currency, with notices at 80% and at a forecast of 100%; 0: no budget.')
param monthlyBudget int = 0

@description('First day of the month in which the budget began, yyyy-MM-dd. Empty: this month. Azure does not allow changes, so azd keeps the first value.')
param budgetStartDate string = ''

@description('Do not set this: only a default value can contain the time of the deployment.')
param thisMonth string = utcNow('yyyy-MM-01')

// ---------------------------------------------------------------------------------------------------------------

// Messages per day and unit: https://learn.microsoft.com/azure/iot-hub/iot-hub-scaling
var hubSkus = {
  S1: 400000
  S2: 6000000
  S3: 300000000
}
var hubSku = contains(hubSkus, toUpper(iotHubSku))
  ? toUpper(iotHubSku)
  : toUpper(iotHubSku) == 'F1'
      ? fail('iotHubSku F1 cannot carry this system: a free hub has 2 partitions, and only the consumer group $Default for the worker and the analytics job together, and 8,000 messages of 0.5 KB a day. Use S1.')
      : fail('iotHubSku ${iotHubSku} is not offered: use S1, S2 or S3 (the basic tiers have no registry access for devices that a page registers).')

var hubUnits = hubSku != 'S3' || iotHubUnits <= 10
  ? iotHubUnits
  : fail('iotHubUnits ${iotHubUnits} is too many: a hub has 10 units of S3 at the most. Use a second hub.')

// The platform compares origins exactly, so both it and the app get them in the form that browsers send.
var origins = asBrowsersSendThem(corsAllowedOrigins)
var subdomains = filter(origins, origin => origin != '*' && contains(origin, '*'))
var malformed = filter(origins, origin => origin != '*' && !isOrigin(origin))
var checkedOrigins = empty(origins)
  ? fail('corsAllowedOrigins names no origin.')
  : contains(origins, '*') && length(origins) > 1
      ? fail('corsAllowedOrigins: * stands alone.')
      : !empty(subdomains)
          ? fail('corsAllowedOrigins: ${join(subdomains, ', ')} has a wildcard for subdomains, which the platform would match with nothing. List each origin, or use * alone.')
          : !empty(malformed)
              ? fail('corsAllowedOrigins: ${join(malformed, ', ')} is no origin: write https://<host>, with a port where it is not the default one, and no path.')
              : origins

var idPrefixCharacters = map(range(0, length(visitorIdPrefix)), i => substring(visitorIdPrefix, i, 1))
var checkedIdPrefix = empty(filter(
    idPrefixCharacters,
    character => !contains('abcdefghijklmnopqrstuvwxyz0123456789._-', toLower(character))
  ))
  ? visitorIdPrefix
  : fail('visitorIdPrefix ${visitorIdPrefix} has other characters than A-Z a-z 0-9 . _ -')

var readyInstances = zoneRedundant && alwaysReadyInstances == 1
  ? fail('alwaysReadyInstances 1 cannot be spread over zones: use at least 2 with zoneRedundant, or 0.')
  : alwaysReadyInstances
var redundancy = zoneRedundant && !contains(['ZRS', 'GZRS'], storageRedundancy)
  ? fail('storageRedundancy ${storageRedundancy} keeps the Functions host\'s storage in one zone: use ZRS or GZRS with zoneRedundant.')
  : storageRedundancy

var checkedWorkspaceId = analyticsOutput != 'powerBi' || !empty(powerBiWorkspaceId)
  ? powerBiWorkspaceId
  : fail('powerBiWorkspaceId is empty: the preprovision hook of azd finds or creates the workspace. Without azd, set it, or set analyticsOutput to eventHub.')

var abbrs = loadJsonContent('abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var budgetStart = empty(budgetStartDate) ? thisMonth : budgetStartDate

var consumerGroups = {
  analytics: 'analytics'
  feed: 'message-feed'
}
// Body limit of the host: twice the app's own limit. Between the two limits, the app responds itself, with a reason and
// CORS headers.
var requestBodyBytes = 2 * 4 * 1024 * 1024
var packageContainer = 'app-package'
var snapshotContainer = 'reference'
var outputNames = ['product-events', 'events-per-minute', 'sensor-readings']

var appName = '${abbrs.webSitesFunctions}${token}'
var hubName = '${abbrs.devicesIotHubs}${token}'
var vaultName = '${abbrs.keyVaultVaults}${token}'
var hostStorageName = '${abbrs.storageStorageAccounts}host${token}'
var jobName = '${abbrs.streamAnalyticsJobs}${token}'
var frontDoorName = '${abbrs.cdnProfiles}${token}'
var productsStorageName = '${abbrs.storageStorageAccounts}products${token}'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: empty(resourceGroupName) ? '${abbrs.resourcesResourceGroups}${environmentName}' : resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: '${abbrs.managedIdentityUserAssignedIdentities}${token}'
    location: location
    tags: tags
  }
}

module iotHub 'modules/iotHub.bicep' = {
  scope: group
  params: {
    name: hubName
    location: location
    tags: tags
    skuName: hubSku
    units: hubUnits
    partitionCount: iotHubPartitions
    retentionDays: iotHubRetentionDays
    consumerGroups: [consumerGroups.analytics, consumerGroups.feed]
    registryPrincipalId: registryAuthentication == 'identity' ? identity.outputs.principalId : ''
    workspaceId: monitoring.outputs.workspaceId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    logAnalyticsName: '${abbrs.operationalInsightsWorkspaces}${token}'
    applicationInsightsName: '${abbrs.insightsComponents}${token}'
    location: location
    tags: tags
    publisherPrincipalId: identity.outputs.principalId
    dailyCapGb: logDailyCapGb
  }
}

module hostStorage 'modules/storageAccount.bicep' = {
  name: 'hostStorage'
  scope: group
  params: {
    name: hostStorageName
    location: location
    tags: tags
    containers: [packageContainer]
    redundancy: redundancy
    softDeleteDays: blobSoftDeleteDays
    workspaceId: monitoring.outputs.workspaceId
    private: privateNetworking
    trustedServices: false
  }
}

module productsStorage 'modules/storageAccount.bicep' = {
  name: 'productsStorage'
  scope: group
  params: {
    name: productsStorageName
    location: location
    tags: tags
    containers: [snapshotContainer]
    redundancy: redundancy
    softDeleteDays: blobSoftDeleteDays
    workspaceId: monitoring.outputs.workspaceId
    private: privateNetworking
    trustedServices: true
  }
}

// The host stores its keys, the timers' schedules and locks here, and reads the package.
module appOnHostStorage 'modules/storageRole.bicep' = {
  name: 'appOnHostStorage'
  scope: group
  params: {
    accountName: hostStorageName
    containerName: ''
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleId: roles.storageBlobDataOwner
  }
  dependsOn: [hostStorage]
}

module appOnSnapshots 'modules/storageRole.bicep' = {
  name: 'appOnSnapshots'
  scope: group
  params: {
    accountName: productsStorageName
    containerName: snapshotContainer
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleId: roles.storageBlobDataContributor
  }
  dependsOn: [productsStorage]
}

// Microsoft's page on this authentication requires this role, although the job only reads here
// (blob-output-managed-identity).
module jobOnSnapshots 'modules/storageRole.bicep' = {
  name: 'jobOnSnapshots'
  scope: group
  params: {
    accountName: productsStorageName
    containerName: snapshotContainer
    principalId: streamAnalytics.outputs.principalId
    principalType: 'ServicePrincipal'
    roleId: roles.storageBlobDataContributor
  }
  dependsOn: [productsStorage]
}

module deployerOnSnapshots 'modules/storageRole.bicep' = if (!empty(principalId)) {
  name: 'deployerOnSnapshots'
  scope: group
  params: {
    accountName: productsStorageName
    containerName: snapshotContainer
    principalId: principalId
    principalType: ''
    roleId: roles.storageBlobDataContributor
  }
  dependsOn: [productsStorage]
}

module keyVault 'modules/keyVault.bicep' = {
  scope: group
  params: {
    name: vaultName
    location: location
    tags: tags
    private: privateNetworking
    recover: recoverKeyVault
    workspaceId: monitoring.outputs.workspaceId
    readerPrincipalId: identity.outputs.principalId
  }
}

module secrets 'modules/secrets.bicep' = {
  scope: group
  params: {
    vaultName: vaultName
    hubName: hubName
    hubKey: iotHubKey
    withRegistryKey: registryAuthentication == 'key'
    productsDatabaseUrl: productsDatabaseUrl
  }
  dependsOn: [keyVault, iotHub]
}

module outbound 'modules/natGateway.bicep' = if (natGateway) {
  scope: group
  params: {
    name: '${abbrs.networkNatGateways}${token}'
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (privateNetworking || natGateway) {
  scope: group
  params: {
    name: '${abbrs.networkVirtualNetworks}${token}'
    location: location
    tags: tags
    addressPrefix: networkPrefix
    natGatewayId: natGateway ? outbound!.outputs.id : ''
  }
}

module privateAccess 'modules/privateAccess.bicep' = if (privateNetworking) {
  scope: group
  params: {
    namePrefix: '${abbrs.networkPrivateEndpoints}${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.privateEndpointsSubnetId
    hostStorageId: hostStorage.outputs.id
    productsStorageId: productsStorage.outputs.id
    vaultId: keyVault.outputs.id
  }
}

module frontDoorProfile 'modules/frontDoor.bicep' = if (frontDoor) {
  scope: group
  params: {
    name: frontDoorName
    tags: tags
    requestsPerMinute: requestsPerMinute
  }
}

module frontDoorRoute 'modules/frontDoorRoute.bicep' = if (frontDoor) {
  scope: group
  params: {
    name: frontDoorName
    appHostName: functionApp.outputs.hostName
  }
}

// Azure Monitor accepts custom metrics at the endpoint of the resource's region.
var metricsUrl = 'https://${location}.monitoring.azure.com${resourceId(subscription().subscriptionId, group.name, 'Microsoft.Web/sites', appName)}/metrics'

var secretReference = '@Microsoft.KeyVault(VaultName=${vaultName};SecretName='

module functionApp 'modules/functionApp.bicep' = {
  scope: group
  params: {
    name: appName
    planName: '${abbrs.webServerFarms}${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    publisherPrincipalId: identity.outputs.principalId
    corsAllowedOrigins: checkedOrigins
    packageContainerUrl: '${hostStorage.outputs.blobEndpoint}${packageContainer}'
    alwaysReadyInstances: readyInstances
    maximumInstances: maximumInstances
    instanceMemoryMB: instanceMemoryMB
    zoneRedundant: zoneRedundant
    subnetId: privateNetworking || natGateway ? network!.outputs.functionsSubnetId : ''
    behindFrontDoor: frontDoor
    frontDoorId: frontDoor ? frontDoorProfile!.outputs.id : ''
    // One literal object. Unused settings are empty, which the app treats as absent.
    settings: {
      // The platform's The host needs both, because its start can fail with only the URI (azure-functions-host#11787).
      AzureWebJobsStorage__accountName: hostStorageName
      AzureWebJobsStorage__blobServiceUri: hostStorage.outputs.blobEndpoint
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identity.outputs.clientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
      AZURE_CLIENT_ID: identity.outputs.clientId
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(requestBodyBytes)
      'AzureWebJobs.keepAlive.Disabled': alwaysReadyInstances > 0 ? 'true' : 'false'
      // The app's own, as src/settings.ts reads them
      AF_HOST: frontDoor ? frontDoorProfile!.outputs.hostName : ''
      AZURE_MONITOR_METRICS_URL: metricsUrl
      IOTHUB_HOSTNAME: iotHub.outputs.hostName
      IOTHUB_EVENTHUB_CONNECTION: '${secretReference}iothub-eventhub-connection)'
      IOTHUB_SHAREDACCESSKEYNAME: registryAuthentication == 'key' ? 'registryReadWrite' : ''
      IOTHUBOWNER_SHAREDACCESSKEY: registryAuthentication == 'key' ? '${secretReference}iothub-registry-key)' : ''
      MESSAGE_POLL_CONSUMERGROUP: consumerGroups.feed
      FEED_CLIENT: feedClient
      // On Linux consumption plans, the Functions host also reads this setting, as JSON. If it is not JSON, every
      // request gets 500.
      CORS_ALLOWED_ORIGINS: string(checkedOrigins)
      HUB_DEADLINE_SECONDS: string(hubDeadlineSeconds)
      // The postdeploy hook creates this key, which can exist only after the app was deployed.
      KEEP_ALIVE_FUNCTION_KEY: alwaysReadyInstances > 0 ? '' : '${secretReference}keep-alive-function-key)'
      VISITOR_DEVICES: string(visitorDevices)
      VISITOR_ID_PREFIX: checkedIdPrefix
      // The hooks create this secret once and keep it.
      VISITOR_KEY: visitorDevices > 0 ? '${secretReference}visitor-key)' : ''
      VISITOR_BLOCKLIST: visitorBlocklist
      // Front Door sets this header itself. X-Forwarded-For ends with the address of Front Door, which all clients share.
      VISITOR_ADDRESS_HEADER: frontDoor ? 'x-azure-socketip' : ''
      PRODUCTS_DATABASE_URL: empty(productsDatabaseUrl) ? '' : '${secretReference}products-database-url)'
      PRODUCTS_QUERY: productsQuery
      SKUS_QUERY: skusQuery
      PRODUCTS_STORAGE__blobServiceUri: productsStorage.outputs.blobEndpoint
    }
  }
  dependsOn: [appOnHostStorage, secrets, privateAccess]
}

module streamAnalytics 'modules/streamAnalytics.bicep' = {
  scope: group
  params: {
    name: jobName
    location: location
    tags: tags
    streamingUnits: streamingUnits
    hubName: hubName
    consumerGroup: consumerGroups.analytics
    hubKey: iotHubKey
    productsAccountName: productsStorageName
    productsContainerName: snapshotContainer
    workspaceId: monitoring.outputs.workspaceId
    visitorIdPrefix: checkedIdPrefix
    // 60 s is enough even for pages that were offline, because the job uses the time of arrival at the hub.
    lateArrivalSeconds: 60
    outOfOrderSeconds: 5
  }
  dependsOn: [iotHub]
}

module outputPowerBi 'modules/outputPowerBi.bicep' = if (analyticsOutput == 'powerBi') {
  scope: group
  params: {
    jobName: jobName
    outputNames: outputNames
    workspaceId: checkedWorkspaceId
    workspaceName: empty(powerBiWorkspaceName) ? 'Hubfront ${environmentName}' : powerBiWorkspaceName
  }
  dependsOn: [streamAnalytics]
}

module outputEventHub 'modules/outputEventHub.bicep' = if (analyticsOutput == 'eventHub') {
  scope: group
  params: {
    jobName: jobName
    jobPrincipalId: streamAnalytics.outputs.principalId
    outputNames: outputNames
    namespaceName: '${abbrs.eventHubNamespaces}${token}'
    location: location
    tags: tags
  }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    actionGroupName: '${abbrs.insightsActionGroups}${token}'
    email: alertEmail
    workspaceId: monitoring.outputs.workspaceId
    functionAppId: functionApp.outputs.id
    hubId: iotHub.outputs.id
    jobId: streamAnalytics.outputs.id
    dailyMessageQuota: hubSkus[hubSku] * hubUnits
    maxLagSeconds: maxLagSeconds
    feedAlerts: feedAlerts
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    displayName: 'Hubfront ${environmentName}'
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    workspaceId: monitoring.outputs.workspaceId
    functionAppId: functionApp.outputs.id
    hubId: iotHub.outputs.id
    jobId: streamAnalytics.outputs.id
  }
}

module budget 'modules/budget.bicep' = if (monthlyBudget > 0) {
  scope: group
  params: {
    name: take('${abbrs.consumptionBudgets}${environmentName}', 63)
    monthlyAmount: monthlyBudget
    startDate: budgetStart
    email: alertEmail
  }
}

// azd stores outputs under their names in the environment, where the hooks read them. In a pipeline, an output would
// therefore override a parameter that reads a variable of the same name. So only parameters that must not change have
// such an output.
output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_API_NAME string = functionApp.outputs.name
output SERVICE_API_ENDPOINTS string[] = ['https://${functionApp.outputs.hostName}']
output API_URL string = 'https://${frontDoor ? frontDoorProfile!.outputs.hostName : functionApp.outputs.hostName}'
output OUTBOUND_ADDRESS string = natGateway ? outbound!.outputs.address : ''
output IOTHUB_NAME string = hubName
output KEY_VAULT_NAME string = vaultName
output STREAM_ANALYTICS_JOB_NAME string = jobName
output STREAM_ANALYTICS_PRINCIPAL_ID string = streamAnalytics.outputs.principalId
output PRODUCTS_BLOB_ENDPOINT string = productsStorage.outputs.blobEndpoint
output PRODUCTS_CONTAINER string = snapshotContainer
#disable-next-line outputs-should-not-contain-secrets // tells whether it is there, not what it is
output PRODUCTS_FROM_DATABASE bool = !empty(productsDatabaseUrl)
output KEEP_ALIVE_ENABLED bool = alwaysReadyInstances == 0
output BUDGET_START_DATE string = monthlyBudget > 0 ? budgetStart : ''
