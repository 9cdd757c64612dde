export type { TelemetryMessage, TelemetryOrigin, TelemetrySystemProperties } from './encodeTelemetry';
export {
  PartitionLog,
  type PartitionPosition,
  type PartitionStore,
  type PositionKind,
  type StoredTelemetry,
} from './partitionLog';
export { partitionOf } from './partitionOf';
