import { createHash } from 'node:crypto';

/**
 * The partition of a device: IoT Hub hashes the device id, so that one device's messages stay in order. Its hash is
 * not published; this one is stable and even.
 */
export function partitionOf(deviceId: string, partitions: number): number {
  return createHash('md5').update(deviceId).digest().readUInt32LE(0) % partitions;
}
