/** Keeps the messages of a partition in files. */

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PartitionLog, type PartitionPosition, type StoredTelemetry } from '../partitionLog';
import type { DataFolderLog } from './dataFolderError';
import { damaged, RecordFile, type RecordParts } from './recordFile';

/** A file that has reached this size is followed by a new one. Retention deletes whole files. */
const FULL_FILE_BYTES = 4 * 1024 * 1024;
/** A file's name is the sequence number of its first message, with this many digits. */
const NAME_DIGITS = 16;
const FILE_NAME = /^\d{16}\.log$/;

/** The first byte of a record. Each file begins with a position. */
const POSITION = 0;
const MESSAGE = 1;
/** A message that is followed by another one of the same write. */
const MESSAGE_WITH_NEXT = 2;

/** Kind, sequence number, offset and enqueued time: one byte and three 64-bit floating-point numbers. */
const MESSAGE_HEADER_BYTES = 25;

interface SealedFile {
  readonly path: string;
  /** Sequence number after the file's last message. */
  readonly end: number;
}

export interface KeptPartition {
  readonly log: PartitionLog;
  /** Writes what the kernel still has in memory to the disk, and closes the file. */
  close(): void;
}

/**
 * Opens a partition with the messages in its folder. Creates the folder if it is absent.
 *
 * @throws as `RecordFile.open`, and DataFolderError if messages are missing
 */
export function openPartition(folder: string, id: string, log: DataFolderLog): KeptPartition {
  mkdirSync(folder, { recursive: true });
  const pathOf = (sequenceNumber: number) =>
    join(folder, `${String(sequenceNumber).padStart(NAME_DIGITS, '0')}.log`);
  const create = (position: PartitionPosition): RecordFile => {
    const path = pathOf(position.next);
    const file = RecordFile.open(path, log, () => undefined);
    try {
      file.append([positionRecord(position)]);
      return file;
    } catch (error) {
      file.close();
      rmSync(path, { force: true });
      throw error;
    }
  };

  const partition = new PartitionLog(id);
  let sealed: SealedFile[] = [];
  let active: RecordFile | undefined;
  const names = readdirSync(folder)
    .filter((name) => FILE_NAME.test(name))
    .sort();
  for (const name of names) {
    const path = join(folder, name);
    const { next } = partition.position();
    const file = loadFile(path, partition, log, { isFirst: !active, isSealed: name !== names.at(-1) });
    if (file.bytes === 0) {
      file.close();
      rmSync(path); // the emulator ended while it created the file
    } else {
      active?.close();
      if (active) sealed.push({ path: active.path, end: next });
      active = file;
    }
  }
  let current: RecordFile | undefined = active ?? create(partition.position());

  let isFailing = false;
  /**
   * Deletes the files whose messages are all before `begin`. A file that cannot be deleted stays until the next call, and
   * so do those behind it, because a gap between files counts as damage.
   */
  const removeSealed = (begin: number): void => {
    try {
      for (let [oldest] = sealed; oldest && oldest.end <= begin; [oldest] = sealed) {
        rmSync(oldest.path, { force: true });
        sealed.shift();
        isFailing = false;
      }
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      if (!isFailing) log.warn(`${folder}: expired messages cannot be deleted (${code})`);
      isFailing = true;
    }
  };

  partition.keepIn({
    append(messages, before) {
      if (current && current.bytes >= FULL_FILE_BYTES) {
        const next = create(before);
        sealed.push({ path: current.path, end: before.next });
        current.close();
        current = next;
      }
      current ??= create(before);
      current.append(messageRecords(messages));
    },
    savePosition(position) {
      if (current) current.append([positionRecord(position)]);
      else current = create(position);
    },
    expire(position) {
      removeSealed(position.begin);
      try {
        current?.append([positionRecord(position)]);
      } catch {
        // Has been logged. After a restart, the messages expire again.
      }
    },
    reset(position) {
      const paths = [...sealed, ...(current ? [current] : [])].map(({ path }) => path);
      current?.close();
      current = undefined;
      sealed = [];
      // The newest first: if the emulator ends in between, the remaining messages have no gap.
      for (const path of paths.reverse()) rmSync(path, { force: true });
      current = create(position);
    },
  });
  return {
    log: partition,
    close() {
      try {
        current?.sync();
      } finally {
        current?.close();
      }
    },
  };
}

/** Opens a file, and adds its messages to the partition. */
function loadFile(
  path: string,
  partition: PartitionLog,
  log: DataFolderLog,
  { isFirst, isSealed }: { readonly isFirst: boolean; readonly isSealed: boolean },
): RecordFile {
  let pending: StoredTelemetry[] = [];
  let completeEnd = 0;
  const file = RecordFile.open(
    path,
    log,
    (content, position, end) => {
      const isIntact =
        content[0] === POSITION
          ? partition.restorePosition(readPosition(content), isFirst && position === 0)
          : position > 0 && isNext(content, partition.position().next + pending.length);
      if (!isIntact) throw damaged(path, position);
      if (content[0] === POSITION) {
        completeEnd = end;
        return;
      }
      pending.push(readMessage(content));
      if (content[0] === MESSAGE_WITH_NEXT) return;
      for (const message of pending) partition.restore(message);
      pending = [];
      completeEnd = end;
    },
    isSealed,
  );
  if (pending.length === 0) return file;
  // The emulator ended during the write of a batch, which was not acknowledged.
  if (isSealed) throw damaged(path, completeEnd);
  file.truncate(completeEnd);
  return file;
}

function* messageRecords(messages: readonly StoredTelemetry[]): Generator<RecordParts> {
  const header = Buffer.alloc(MESSAGE_HEADER_BYTES);
  for (const [index, { sequenceNumber, offset, enqueuedTime, payload }] of messages.entries()) {
    header[0] = index === messages.length - 1 ? MESSAGE : MESSAGE_WITH_NEXT;
    header.writeDoubleLE(sequenceNumber, 1);
    header.writeDoubleLE(offset, 9);
    header.writeDoubleLE(enqueuedTime, 17);
    yield [header, payload];
  }
}

const isNext = (content: Buffer, sequenceNumber: number): boolean =>
  content.length >= MESSAGE_HEADER_BYTES && content.readDoubleLE(1) === sequenceNumber;

const readMessage = (content: Buffer): StoredTelemetry => ({
  sequenceNumber: content.readDoubleLE(1),
  offset: content.readDoubleLE(9),
  enqueuedTime: content.readDoubleLE(17),
  payload: content.subarray(MESSAGE_HEADER_BYTES),
});

const positionRecord = (position: PartitionPosition): RecordParts => [
  Buffer.of(POSITION),
  Buffer.from(JSON.stringify(position)),
];

const readPosition = (content: Buffer): PartitionPosition =>
  JSON.parse(content.toString('utf8', 1)) as PartitionPosition;
