export type { TelemetryMessage, TelemetryOrigin, TelemetrySystemProperties } from './encodeTelemetry';
export { PartitionLog, type PositionKind } from './partitionLog';
export { partitionOf } from './partitionOf';
