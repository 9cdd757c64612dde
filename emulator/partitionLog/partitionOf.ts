import { hash } from 'node:crypto';

/**
 * The partition of a device. IoT Hub hashes the device id, so that the messages of a device stay in order. IoT Hub's
 * hash function is not published. This one is stable and distributes devices evenly.
 */
export function partitionOf(deviceId: string, partitions: number): number {
  return hash('md5', deviceId, 'buffer').readUInt32LE(0) % partitions;
}
