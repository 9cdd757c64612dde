/** Opens one of the emulator's hubs. */

import { closeAll } from './closeAll';
import { NO_JOURNAL, openStorage } from './dataFolder';
import { createEventHubEndpoint, type EventHubEndpoint } from './eventHub';
import { DEFAULT_PARTITIONS, type EmulatorOptions } from './emulatorOptions';
import { createHub, type Hub } from './hub';
import type { BlobStorage } from './fileUploads';
import type { HubIdentity } from './hubIdentity';
import type { Log } from './log';
import { DEFAULT_RETENTION_DAYS, startRetention } from './retention';
import { applySeed, type Seed } from './seedFile';

/** A hub with its AMQP endpoint. */
export interface OpenHub {
  readonly hub: Hub;
  readonly eventHub: EventHubEndpoint;
  /** Ends every AMQP connection, and releases the data folder. */
  close(): void;
}

export interface OpenHubOptions {
  readonly identity: HubIdentity;
  /** Whether a host name in lower case is that of this hub, or of the emulator itself. */
  readonly isOwnHost: (hostName: string) => boolean;
  readonly options: EmulatorOptions;
  /** Into which devices upload files. Absent: uploads are rejected. */
  readonly blobStorage: BlobStorage | undefined;
  readonly seed: Seed | undefined;
  readonly log: Log;
}

/** @throws as `startEmulator` */
export function openHub(opening: OpenHubOptions): OpenHub {
  const { identity, options, blobStorage, seed, log, isOwnHost } = opening;
  const { dataFolder, partitions, throttle = 'none' } = options;
  const { retentionDays = DEFAULT_RETENTION_DAYS, retentionMegabytes } = options;
  const storage =
    dataFolder === undefined
      ? undefined
      : openStorage({
          folder: dataFolder,
          hostName: identity.hostName,
          partitions,
          defaultPartitions: DEFAULT_PARTITIONS,
          log,
        });
  try {
    const count = partitions ?? DEFAULT_PARTITIONS;
    const hub = createHub({
      ...{ identity, isOwnHost, partitions: count, tier: throttle },
      ...{ storage, blobStorage, log },
    });
    applySeed(hub, storage?.journal ?? NO_JOURNAL, seed);
    const eventHub = createEventHubEndpoint(hub);
    const stopRetention = startRetention(hub, { days: retentionDays, megabytes: retentionMegabytes });
    return {
      hub,
      eventHub,
      close() {
        closeAll([
          () => eventHub.close(),
          () => hub.messages.close(),
          () => hub.jobs.close(),
          () => hub.feedback.close(),
          () => hub.files.notifications.close(),
          stopRetention,
          () => storage?.close(),
        ]);
      },
    };
  } catch (error) {
    storage?.close();
    throw error;
  }
}
