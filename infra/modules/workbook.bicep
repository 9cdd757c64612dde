// The operations workbook in Azure Monitor.

param location string
param tags object
param displayName string
param applicationInsightsId string
param workspaceId string
param functionAppId string
param hubId string
param jobId string

var template = loadTextContent('../operations/workbook.json')
var content = reduce(
  items({
    '{applicationInsightsId}': applicationInsightsId
    '{workspaceId}': workspaceId
    '{functionAppId}': functionAppId
    '{hubId}': hubId
    '{jobId}': jobId
  }),
  template,
  (text, entry) => replace(string(text), entry.key, entry.value)
)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: displayName
    sourceId: workspaceId
    serializedData: string(content)
  }
}
