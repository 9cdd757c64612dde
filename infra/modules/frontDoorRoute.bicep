// The route from Front Door to the function app.

@description('Name of the Front Door profile, and of its endpoint.')
param name string

@description('Host name of the function app.')
param appHostName string

resource profile 'Microsoft.Cdn/profiles@2024-09-01' existing = {
  name: name

  resource endpoint 'afdEndpoints' existing = {
    name: name
  }
}

resource origins 'Microsoft.Cdn/profiles/originGroups@2024-09-01' = {
  parent: profile
  name: 'app'
  properties: {
    // No health probes, because there is only one origin, and each probe would be an execution of the app.
    loadBalancingSettings: {
      sampleSize: 4
      successfulSamplesRequired: 3
    }
  }

  resource app 'origins' = {
    name: 'app'
    properties: {
      hostName: appHostName
      originHostHeader: appHostName
      httpsPort: 443
      enforceCertificateNameCheck: true
    }
  }
}

resource route 'Microsoft.Cdn/profiles/afdEndpoints/routes@2024-09-01' = {
  parent: profile::endpoint
  name: 'app'
  properties: {
    originGroup: {
      id: origins.id
    }
    supportedProtocols: ['Https']
    httpsRedirect: 'Disabled'
    forwardingProtocol: 'HttpsOnly'
    patternsToMatch: ['/*']
    linkToDefaultDomain: 'Enabled'
  }
  dependsOn: [origins::app]
}
