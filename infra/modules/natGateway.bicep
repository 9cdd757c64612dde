// One fixed address for outgoing calls of the app, which the firewall of a database can allow.

param name string
param location string
param tags object

resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: '${name}-address'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource gateway 'Microsoft.Network/natGateways@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: address.id
      }
    ]
  }
}

output id string = gateway.id
output address string = address.properties.ipAddress
