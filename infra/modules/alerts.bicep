// Alerts on metrics, logs and activities, and the addresses that they notify.

param location string
param tags object
param actionGroupName string

@description('E-mail address for alerts. Empty: alerts are only visible in the portal.')
param email string
param workspaceId string
param functionAppId string
param hubId string
param jobId string

@description('Messages per day that all units of the hub accept together.')
param dailyMessageQuota int

@description('Delay of a worker or the job in seconds at which an alert fires.')
param maxLagSeconds int

@description('Whether alerts fire for workers that are behind or have stopped polling. Without workers, these alerts do not fire.')
param feedAlerts bool

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
  aggregation: 'Total' | 'Maximum'
  operator: 'GreaterThan' | 'GreaterThanOrEqual'
  threshold: int
  @description('The metric exists only after the app has sent it once.')
  isCustom: bool?
}

var job = 'Microsoft.StreamAnalytics/streamingjobs'
var hub = 'Microsoft.Devices/IotHubs'

var feedLag MetricAlert = {
  name: 'feed-lag'
  description: 'A worker reads messages that are older than ${maxLagSeconds} seconds. Run more workers, each with partitions of its own.'
  severity: 2
  scope: functionAppId
  namespace: 'Hubfront'
  metric: 'FeedLagSeconds'
  aggregation: 'Maximum'
  operator: 'GreaterThan'
  threshold: maxLagSeconds
  isCustom: true
}

var metricAlerts MetricAlert[] = [
  {
    name: 'hub-throttling'
    description: 'IoT Hub rejects messages for their rate; senders are told to retry. Set VISITOR_DEVICES, so that visitors share gateways and batches; devices send in batches, or add units.'
    severity: 2
    scope: hubId
    namespace: hub
    metric: 'd2c.telemetry.ingress.sendThrottle'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'hub-quota'
    description: '80% of the day\'s messages are used; at 100% IoT Hub rejects all until midnight UTC. Add units.'
    severity: 1
    scope: hubId
    namespace: hub
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
    namespace: job
    metric: 'OutputWatermarkDelaySeconds'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: maxLagSeconds
  }
  {
    name: 'job-runtime-errors'
    description: 'Stream Analytics fails to run the query. Look at the job\'s activity log and its Execution log.'
    severity: 2
    scope: jobId
    namespace: job
    metric: 'Errors'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'job-conversion-errors'
    description: 'Stream Analytics drops rows that an output does not accept. Look at the job\'s Execution log for the column.'
    severity: 2
    scope: jobId
    namespace: job
    metric: 'ConversionErrors'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'job-input-errors'
    description: 'Stream Analytics cannot read messages: they are not JSON. A device that sends to the hub directly is the likely sender.'
    severity: 3
    scope: jobId
    namespace: job
    metric: 'DeserializationError'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'job-utilization'
    description: 'Stream Analytics uses more than 80% of its memory. Add streaming units before it falls behind.'
    severity: 3
    scope: jobId
    namespace: job
    metric: 'ResourceUtilization'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 80
  }
]

resource onMetric 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in concat(metricAlerts, feedAlerts ? [feedLag] : []): {
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
            skipMetricValidation: alert.?isCustom ?? false
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

type LogAlert = {
  name: string
  description: string
  severity: int
  query: string
  aggregation: 'Total' | 'Maximum'
  @description('Numeric column of the query that is compared with the threshold.')
  column: string
  threshold: int
  windowSize: string
  @description('How far the query looks back, if this is longer than the window.')
  timeRange: string?
}

var feedStopped LogAlert = {
  name: 'feed-stopped'
  description: 'No worker has polled the feed for more than 15 minutes, although one did within the last two days. Start it again; if you have retired it, ignore this or set FEED_ALERTS to false.'
  severity: 2
  query: loadTextContent('../operations/feedStopped.kql')
  aggregation: 'Maximum'
  column: 'silentMinutes'
  threshold: 15
  windowSize: 'PT15M'
  timeRange: 'P2D'
}

var logAlerts LogAlert[] = [
  {
    name: 'function-failures'
    description: 'More than 10 requests or timer runs failed within 10 minutes. Look at Failures in Application Insights.'
    severity: 1
    query: loadTextContent('../operations/functionFailures.kql')
    aggregation: 'Total'
    column: 'ItemCount'
    threshold: 10
    windowSize: 'PT10M'
  }
]

resource onLog 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in concat(logAlerts, feedAlerts ? [feedStopped] : []): {
    name: alert.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: alert.windowSize
      overrideQueryTimeRange: alert.?timeRange
      autoMitigate: true
      // The tables are created with the first telemetry.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: alert.aggregation
            metricMeasureColumn: alert.column
            operator: 'GreaterThan'
            threshold: alert.threshold
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
]

// A job that fails or is stopped sends no metrics, so the alerts above do not detect it.
var jobStates = [
  {
    name: 'job-failed'
    description: 'An operation on the Stream Analytics job failed, or the job itself did. Its activity log says why; then run azd hooks run postdeploy.'
    conditions: [{ field: 'status', equals: 'Failed' }]
  }
  {
    name: 'job-stopped'
    description: 'The Stream Analytics job was stopped. A deployment does this and starts it again within minutes. Otherwise, run azd hooks run postdeploy.'
    conditions: [
      { field: 'operationName', equals: '${job}/stop/action' }
      { field: 'status', equals: 'Succeeded' }
    ]
  }
]

resource onActivity 'Microsoft.Insights/activityLogAlerts@2020-10-01' = [
  for state in jobStates: {
    name: state.name
    location: 'global'
    tags: tags
    properties: {
      description: state.description
      enabled: true
      scopes: [jobId]
      condition: {
        allOf: concat([{ field: 'category', equals: 'Administrative' }], state.conditions)
      }
      actions: {
        actionGroups: [
          {
            actionGroupId: actions.id
          }
        ]
      }
    }
  }
]
