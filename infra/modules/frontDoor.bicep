// Azure Front Door in front of the function app: the profile, its address and its firewall. The route is in
// frontDoorRoute.bicep, because the app needs the id of this profile, and the route needs the app.

param name string
param tags object

@description('Maximum number of requests per minute from one client address to the anonymous endpoint.')
param requestsPerMinute int

resource profile 'Microsoft.Cdn/profiles@2024-09-01' = {
  name: name
  location: 'global'
  tags: tags
  sku: {
    name: 'Standard_AzureFrontDoor'
  }
  properties: {
    // A poll may wait 60 s for the first message, and Front Door's default timeout is also 60 s.
    originResponseTimeoutSeconds: 240
  }

  resource endpoint 'afdEndpoints' = {
    name: name
    location: 'global'
    tags: tags
    properties: {
      enabledState: 'Enabled'
    }
  }

  resource firewall 'securityPolicies' = {
    name: 'firewall'
    properties: {
      parameters: {
        type: 'WebApplicationFirewall'
        wafPolicy: {
          id: policy.id
        }
        associations: [
          {
            domains: [
              {
                id: endpoint.id
              }
            ]
            patternsToMatch: ['/*']
          }
        ]
      }
    }
  }
}

resource policy 'Microsoft.Network/FrontDoorWebApplicationFirewallPolicies@2024-02-01' = {
  name: replace(name, '-', '')
  location: 'global'
  tags: tags
  sku: {
    name: 'Standard_AzureFrontDoor'
  }
  properties: {
    policySettings: {
      enabledState: 'Enabled'
      mode: 'Prevention'
      customBlockResponseStatusCode: 429
    }
    customRules: {
      rules: [
        {
          name: 'MessagesPerClient'
          priority: 100
          enabledState: 'Enabled'
          ruleType: 'RateLimitRule'
          rateLimitDurationInMinutes: 1
          rateLimitThreshold: requestsPerMinute
          action: 'Block'
          matchConditions: [
            {
              matchVariable: 'RequestUri'
              operator: 'Contains'
              matchValue: ['/api/messages']
              // `/api/%6Dessages` reaches the same function, so the rule includes it.
              transforms: ['UrlDecode', 'Lowercase']
            }
          ]
        }
      ]
    }
  }
}

output id string = profile.properties.frontDoorId
output hostName string = profile::endpoint.properties.hostName
