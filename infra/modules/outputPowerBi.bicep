// Microsoft ends this connector of Stream Analytics on 2027-10-31: outputEventHub.bicep can replace it.

param jobName string
param outputNames string[]

@description('Workspace in which the job\'s identity is a contributor. infra/hooks assigns this role, because Azure Resource Manager cannot.')
param workspaceId string
param workspaceName string

resource job 'Microsoft.StreamAnalytics/streamingjobs@2021-10-01-preview' existing = {
  name: jobName
}

// Stream Analytics writes one table per dataset. Both have the name of the output.
resource outputs 'Microsoft.StreamAnalytics/streamingjobs/outputs@2021-10-01-preview' = [
  for outputName in outputNames: {
    parent: job
    name: outputName
    properties: {
      datasource: {
        type: 'PowerBI'
        properties: {
          authenticationMode: 'Msi'
          groupId: workspaceId
          groupName: workspaceName
          dataset: outputName
          table: outputName
        }
      }
    }
  }
]
