// The virtual network and its subnets.

param name string
param location string
param tags object

@description('Prefix of the virtual network, /16 to /24; it must not overlap with peered networks.')
param addressPrefix string

@description('NAT gateway of the functions\' subnet; empty: none.')
param natGatewayId string

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        // Its name has no underscore, because Flex Consumption rejects underscores.
        name: 'functions'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          natGateway: empty(natGatewayId) ? null : { id: natGatewayId }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'private-endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }

  resource functions 'subnets' existing = {
    name: 'functions'
  }

  resource privateEndpoints 'subnets' existing = {
    name: 'private-endpoints'
  }
}

output id string = network.id
output functionsSubnetId string = network::functions.id
output privateEndpointsSubnetId string = network::privateEndpoints.id
