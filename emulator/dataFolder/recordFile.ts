/** An append-only file of records with checksums. */

import { closeSync, constants, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { IotHubError } from '../iotHubError';
import { DataFolderError, type DataFolderLog } from './dataFolderError';

/** Marks the start of a record, so that a search can find records behind a damaged one. */
const MAGIC = 0x6c_72_46_48;
const MAGIC_BYTES = Buffer.from(Uint32Array.of(MAGIC).buffer);
/** Magic, length of the content, and checksum: each is an unsigned 32-bit number, little-endian. */
const HEADER_BYTES = 12;
/** 2³² divided by the golden ratio: it distributes the bits of the length. */
const LENGTH_FACTOR = 0x9e37_79b1;
const FIRST_BUFFER_BYTES = 64 * 1024;

/** Called with each record: its content, and where the record begins and ends in the file. */
export type RecordListener = (content: Buffer, position: number, end: number) => void;

/** A record's content, in parts. */
export type RecordParts = readonly Buffer[];

/** All files share one buffer: a write is complete before the next one begins. */
let scratch = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);

/** An open file, whose records have been read. */
export class RecordFile {
  private constructor(
    readonly path: string,
    /** Undefined: the file is closed. The system gives its number to another file. */
    private descriptor: number | undefined,
    private end: number,
    private readonly log: DataFolderLog,
  ) {}

  /**
   * Opens or creates a file, and reads its records. An incomplete record at the end is removed and reported in one line.
   *
   * @param onRecord receives views of a buffer that is released afterwards: copy what you keep
   * @param isSealed an incomplete record at the end is an error, because the file was complete
   * @throws DataFolderError if a record before the last one is damaged; Node's error if the file cannot be opened
   */
  static open(path: string, log: DataFolderLog, onRecord: RecordListener, isSealed = false): RecordFile {
    const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT);
    try {
      const bytes = readFileSync(descriptor);
      const end = readRecords(bytes, onRecord);
      const isIncomplete = end < bytes.length;
      if (isIncomplete && (isSealed || findRecord(bytes, end + 1) !== undefined)) throw damaged(path, end);
      const file = new RecordFile(path, descriptor, bytes.length, log);
      if (isIncomplete) file.truncate(end);
      return file;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  get bytes(): number {
    return this.end;
  }

  /**
   * Writes records: all of them or none. When it returns, the kernel has them, so they survive the end of this process.
   *
   * @throws IotHubError ServiceUnavailable if the write fails, for example because the disk is full, or the file is closed
   */
  append(records: Iterable<RecordParts>): void {
    let used = 0;
    for (const parts of records) used = addRecord(parts, used, this.end);
    const { descriptor } = this;
    if (descriptor === undefined) throw new IotHubError('ServiceUnavailable', 'The hub is stopping.');
    this.log.attempt(() => {
      try {
        for (let written = 0; written < used;) {
          written += writeSync(descriptor, scratch, written, used - written, this.end + written);
        }
      } catch (error) {
        ftruncateSync(descriptor, this.end); // a full disk may have taken the first part
        throw error;
      }
    });
    this.end += used;
  }

  /** Removes an incomplete write: what follows this position. */
  truncate(end: number): void {
    this.log.warn(`${this.path}: removed an incomplete write at the end (${this.end - end} bytes)`);
    if (this.descriptor !== undefined) ftruncateSync(this.descriptor, end);
    this.end = end;
  }

  /** Writes what the kernel still has in memory to the disk. */
  sync(): void {
    if (this.descriptor !== undefined) fsyncSync(this.descriptor);
  }

  /** Has no effect on a closed file. */
  close(): void {
    const { descriptor } = this;
    this.descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** What the user can do about a damaged data folder. */
export const DAMAGE_ADVICE = 'Restore the data folder from a copy, or delete it to start with an empty hub';

/** The error of a file that has intact records behind a damaged one, or lacks records. */
export const damaged = (path: string, position: number): DataFolderError =>
  new DataFolderError(`${path} is damaged at byte ${position}. ${DAMAGE_ADVICE}`);

/** Appends a record to the scratch buffer, and returns the new end. */
function addRecord(parts: RecordParts, at: number, filePosition: number): number {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const start = at + HEADER_BYTES;
  reserve(start + length);
  let end = start;
  for (const part of parts) end += part.copy(scratch, end);
  scratch.writeUInt32LE(MAGIC, at);
  scratch.writeUInt32LE(length, at + 4);
  scratch.writeUInt32LE(checksum(scratch.subarray(start, end), filePosition + at), at + 8);
  return end;
}

function reserve(bytes: number): void {
  if (bytes <= scratch.length) return;
  const grown = Buffer.allocUnsafeSlow(Math.max(bytes, scratch.length * 2));
  scratch.copy(grown);
  scratch = grown;
}

/**
 * The checksum covers the position in the file and the length. So a record inside another record's content does not
 * count, nor does a record that was written elsewhere.
 */
const checksum = (content: Buffer, position: number): number =>
  crc32(content, (Math.imul(content.length, LENGTH_FACTOR) ^ position) >>> 0);

/**
 * Reads records from the start of a file, up to the first one that is damaged or incomplete.
 *
 * @returns the position after the last intact record
 */
export function readRecords(file: Buffer, onRecord: RecordListener): number {
  let position = 0;
  for (;;) {
    const content = recordAt(file, position);
    if (!content) return position;
    const end = position + HEADER_BYTES + content.length;
    onRecord(content, position, end);
    position = end;
  }
}

/** Position of the first intact record at or after this position. */
function findRecord(file: Buffer, from: number): number | undefined {
  for (let at = file.indexOf(MAGIC_BYTES, from); at >= 0; at = file.indexOf(MAGIC_BYTES, at + 1)) {
    if (recordAt(file, at)) return at;
  }
  return undefined;
}

function recordAt(file: Buffer, position: number): Buffer | undefined {
  const start = position + HEADER_BYTES;
  if (start > file.length || file.readUInt32LE(position) !== MAGIC) return undefined;
  const end = start + file.readUInt32LE(position + 4);
  if (end > file.length) return undefined;
  const content = file.subarray(start, end);
  return file.readUInt32LE(position + 8) === checksum(content, position) ? content : undefined;
}
