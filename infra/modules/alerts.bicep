param location string
param tags object
param actionGroupName string

@description('Who is written to; empty: the alerts show in the portal only.')
param email string
param applicationInsightsId string
param workspaceId string
param hubId string
param jobId string

@description('Messages a day that the hub takes in, all its units together.')
param dailyMessageQuota int

@description('Seconds by which the worker, or the job, may be behind before somebody is told.')
param maxLagSeconds int

resource actions 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'hubfront'
    enabled: true
    emailReceivers: empty(email)
      ? []
      : [
          {
            name: 'operator'
            emailAddress: email
            useCommonAlertSchema: true
          }
        ]
  }
}

type MetricAlert = {
  name: string
  description: string
  severity: int
  scope: string
  namespace: string
  metric: string
  aggregation: 'Total' | 'Count' | 'Maximum'
  operator: 'GreaterThan' | 'GreaterThanOrEqual'
  threshold: int
  @description('Values of a dimension that do not count.')
  without: { dimension: string, values: string[] }?
}

// What callers are told to mend is no failure of the app: anybody may send a wrong key.
var callersFaults = ['400', '401', '403', '404', '405', '406', '408', '409', '411', '413', '415', '422', '429']

var metricAlerts MetricAlert[] = [
  {
    name: 'function-failures'
    description: 'More than 10 requests (5xx) or timer runs failed within 5 minutes. Look at Failures in Application Insights.'
    severity: 1
    scope: applicationInsightsId
    namespace: 'microsoft.insights/components'
    metric: 'requests/failed'
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 10
    without: { dimension: 'request/resultCode', values: callersFaults }
  }
  {
    name: 'hub-throttling'
    description: 'IoT Hub refuses messages for their rate; senders are told to retry. Add units, or send in batches.'
    severity: 2
    scope: hubId
    namespace: 'Microsoft.Devices/IotHubs'
    metric: 'd2c.telemetry.ingress.sendThrottle'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'hub-quota'
    description: '80 % of the day\'s messages are used; at 100 % IoT Hub refuses all until midnight UTC. Add units.'
    severity: 1
    scope: hubId
    namespace: 'Microsoft.Devices/IotHubs'
    metric: 'dailyMessageQuotaUsed'
    aggregation: 'Maximum'
    operator: 'GreaterThanOrEqual'
    threshold: dailyMessageQuota * 8 / 10
  }
  {
    name: 'job-watermark-delay'
    description: 'Stream Analytics is behind its input, or has no reference data. Look at the job\'s errors; add streaming units.'
    severity: 2
    scope: jobId
    namespace: 'Microsoft.StreamAnalytics/streamingjobs'
    metric: 'OutputWatermarkDelaySeconds'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: maxLagSeconds
  }
  {
    name: 'job-errors'
    description: 'Stream Analytics drops rows: an output refuses them, or its authorisation has ended.'
    severity: 2
    scope: jobId
    namespace: 'Microsoft.StreamAnalytics/streamingjobs'
    metric: 'Errors'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
  }
]

resource onMetric 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in metricAlerts: {
    name: alert.name
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [alert.scope]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: alert.name
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: alert.namespace
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: alert.operator
            threshold: alert.threshold
            dimensions: alert.?without == null
              ? []
              : [
                  {
                    name: alert.without!.dimension
                    operator: 'Exclude'
                    values: alert.without!.values
                  }
                ]
          }
        ]
      }
      actions: [
        {
          actionGroupId: actions.id
        }
      ]
    }
  }
]

resource feedLag 'Microsoft.Insights/scheduledQueryRules@2023-03-15-preview' = {
  name: 'feed-lag'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'feed-lag'
    description: 'The worker reads messages that are older than ${maxLagSeconds} seconds, or has stopped reading while the hub takes messages in. Run more workers, each with partitions of its own.'
    severity: 2
    enabled: true
    scopes: [workspaceId]
    // The function writes its lag to the log with each answer that holds messages.
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    // The tables appear with the first telemetry.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: loadTextContent('../operations/feedLag.kql')
          timeAggregation: 'Maximum'
          metricMeasureColumn: 'lagSeconds'
          operator: 'GreaterThan'
          threshold: maxLagSeconds
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [actions.id]
    }
  }
}
