import type { EventHubConnection } from '../../settings';
import type { Position } from '../feed/cursor';
import type { HubProperties, PartitionProperties } from './generation';

/** What the worker is started with. */
export interface SdkWorkerData {
  eventHub: EventHubConnection;
  consumerGroup: string;
}

/** What the worker is asked for. Ids are the sender's. */
export type SdkRequest =
  | { kind: 'readHub'; id: number }
  | { kind: 'readPartitions'; id: number; partitionIds: readonly string[] }
  | { kind: 'receive'; id: number; partitionId: string; after: Position; credit: number }
  | { kind: 'stop'; id: number }
  | { kind: 'close' };

/** An `AmqpError` without its class, which a message between threads loses. */
export interface SdkFailure {
  condition: string;
  message: string;
}

/** What the worker reports. `messages`: rhea's messages as `v8.serialize` writes them, which keeps buffers. */
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
