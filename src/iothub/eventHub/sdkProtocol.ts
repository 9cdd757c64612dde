import type { EventHubConnection } from '../../settings';
import type { Position } from '../feed/cursor';
import type { HubProperties, PartitionProperties } from './generation';

/** The start parameters of the worker. */
export interface SdkWorkerData {
  eventHub: EventHubConnection;
  consumerGroup: string;
}

/** Requests to the worker. The sender chooses the ids. */
export type SdkRequest =
  | { kind: 'readHub'; id: number }
  | { kind: 'readPartitions'; id: number; partitionIds: readonly string[] }
  | { kind: 'receive'; id: number; partitionId: string; after: Position; credit: number }
  | { kind: 'stop'; id: number }
  | { kind: 'close' };

/** An `AmqpError` without its class, because messages between threads lose classes. */
export interface SdkFailure {
  condition: string;
  message: string;
}

/** Messages from the worker. `messages` contains rhea's messages as written by `v8.serialize`, which keeps buffers. */
export type SdkReport =
  | { kind: 'result'; id: number; result: HubProperties | PartitionProperties[] }
  | { kind: 'failure'; id: number; failure: SdkFailure }
  | { kind: 'messages'; id: number; messages: Uint8Array }
  /** a receiver has ended */
  | { kind: 'stopped'; id: number; failure: SdkFailure }
  /** bytes were received; at most once a second */
  | { kind: 'alive' }
  /** a connection has ended */
  | { kind: 'ended'; failure: SdkFailure };
