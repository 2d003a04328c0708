import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PqError } from '../errors.ts';
import { DirectoryLock } from './directory-lock.ts';
import { storageError } from './durable-file.ts';
import { LmdbMap } from './lmdb-map.ts';
import { type LogStats, SEGMENT_BYTES, WriteAheadLog } from './log.ts';
import { type Key, MergedView, nameOf } from './merged-view.ts';
import { decodeOperations, encodeOperations, type Operation } from './operation.ts';

/** How long an operation waits for others before it goes to LMDB. Every batch costs LMDB two syncs, which delay those of the log. */
const FLUSH_DELAY_MS = 500;
/** A batch is written at once when it has this many operations. */
const FLUSH_OPERATIONS = 1000;
/** A batch takes no further log frame once it has this many bytes: packing them blocks the event loop. */
const BATCH_BYTES_FULL = 2 * 1024 * 1024;
/** Above these, `sync()` waits until LMDB has caught up; above twice as much, `write()` throws. */
const MAX_OVERLAY_OPERATIONS = 100_000;
const MAX_OVERLAY_BYTES = 128 * 1024 * 1024;
/** Until a failed flush is tried again. */
const FLUSH_RETRY_MS = 1000;
/** The last log frame that LMDB holds completely: u64, big-endian. Sorts before every other key. */
export const FLUSHED_KEY = Buffer.from([0, 0]);

/** What a store stands on: a {@link Database}, or the simulator's, whose disk forgets what was not synced. */
export type OrderedBytes = Pick<Database, 'get' | 'range' | 'last' | 'write' | 'sync' | 'stats' | 'close'>;

/** An operation that LMDB does not have yet. */
interface Queued {
  readonly operation: Operation;
  readonly name: string;
  readonly sequence: number;
}

export interface DatabaseOptions {
  /** Size of a log segment in bytes. */
  readonly segmentBytes?: number;
}

export interface DatabaseStats {
  readonly log: LogStats;
  /** Operations and bytes that LMDB does not have yet. */
  readonly overlayOperations: number;
  readonly overlayBytes: number;
  readonly flushedSequence: number;
  readonly flushes: number;
  /** Code of the failure of the latest flush, if it failed. */
  readonly flushFailure: string | undefined;
}

/**
 * An ordered map of bytes to bytes that survives crashes: every write goes to the log first, and in batches to LMDB
 * behind it. Reads see every write at once, through an overlay of what LMDB does not have yet.
 */
export class Database {
  readonly #lock: DirectoryLock;
  readonly #lmdb: LmdbMap;
  #log!: WriteAheadLog;
  #queue: Queued[] = [];
  readonly #latest = new Map<string, Queued>();
  readonly #view: MergedView;
  #overlayBytes = 0;
  #flushed: number;
  #flushes = 0;
  #flushFailure: PqError | undefined;
  #flushing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(lock: DirectoryLock, lmdb: LmdbMap) {
    this.#lock = lock;
    this.#lmdb = lmdb;
    this.#view = new MergedView(lmdb, this.#latest);
    const flushed = lmdb.get(FLUSHED_KEY);
    this.#flushed = flushed ? Number(Buffer.from(flushed).readBigUInt64BE(0)) : 0;
  }

  /** Opens a directory, created if missing, and brings LMDB up to the log. Throws `STORE_LOCKED`, `STORE_CORRUPT`, `STORE_DISK_FULL`, `STORE_IO_FAILED`. */
  static async open(directory: string, options: DatabaseOptions = {}): Promise<Database> {
    let lock: DirectoryLock | undefined;
    let lmdb: LmdbMap | undefined;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      lock = DirectoryLock.acquire(directory);
      lmdb = new LmdbMap(join(directory, 'lmdb'));
      const database = new Database(lock, lmdb);
      await database.#replay(join(directory, 'log'), options.segmentBytes ?? SEGMENT_BYTES);
      return database;
    } catch (error) {
      await lmdb?.close();
      lock?.release();
      throw error instanceof PqError ? error : storageError(error, directory, 'open');
    }
  }

  /** As {@link MergedView.get}. */
  get(key: Key): Uint8Array | undefined {
    return this.#view.get(key);
  }

  /** As {@link MergedView.range}. */
  range(from: Key, to: Key): ReturnType<MergedView['range']> {
    return this.#view.range(from, to);
  }

  /** As {@link MergedView.last}. */
  last(from: Key, to: Key): ReturnType<MergedView['last']> {
    return this.#view.last(from, to);
  }

  /** Applies operations in order, all or none of them after a crash. Durable after {@link sync}. Throws `STORE_BEHIND`. */
  write(operations: readonly Operation[]): void {
    if (this.#queue.length > 2 * MAX_OVERLAY_OPERATIONS || this.#overlayBytes > 2 * MAX_OVERLAY_BYTES) {
      const data = {
        operations: this.#queue.length,
        bytes: this.#overlayBytes,
        flushFailure: this.#flushFailure?.code,
      };
      throw new PqError(
        'STORE_BEHIND',
        'The database does not keep up with the log: await sync() before adding more',
        data,
      );
    }
    this.#enqueue(operations, this.#log.append(encodeOperations(operations)));
    if (this.#queue.length >= FLUSH_OPERATIONS) this.#flushSoon(0);
    else this.#flushSoon(FLUSH_DELAY_MS);
  }

  /** Resolves when every write before the call survives a crash; waits for LMDB too when it is far behind. */
  async sync(): Promise<void> {
    await this.#log.sync();
    if (this.#queue.length > MAX_OVERLAY_OPERATIONS || this.#overlayBytes > MAX_OVERLAY_BYTES) await this.#flushNow();
  }

  /** Brings LMDB up to everything written so far. */
  async flush(): Promise<void> {
    while (this.#queue.length > 0) await this.#flushNow();
  }

  stats(): DatabaseStats {
    return {
      log: this.#log.stats,
      overlayOperations: this.#queue.length,
      overlayBytes: this.#overlayBytes,
      flushedSequence: this.#flushed,
      flushes: this.#flushes,
      flushFailure: this.#flushFailure?.code,
    };
  }

  /** Writes everything out and releases the directory, also when writing fails (then it rejects). */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    try {
      await this.flush();
    } finally {
      await this.#log.close();
      await this.#lmdb.close();
      this.#lock.release();
    }
  }

  async #replay(directory: string, segmentBytes: number): Promise<void> {
    const replayed: Operation[] = [];
    let last = this.#flushed;
    const replay = (record: Buffer, sequence: number) => {
      last = sequence;
      replayed.push(...decodeOperations(record));
    };
    this.#log = WriteAheadLog.open(directory, this.#flushed, replay, segmentBytes);
    if (replayed.length > 0) {
      await this.#writeBehind(replayed, last);
    }
    this.#log.release(last);
  }

  #enqueue(operations: readonly Operation[], sequence: number): void {
    for (const operation of operations) {
      const queued = { operation, name: nameOf(operation.key), sequence };
      this.#queue.push(queued);
      this.#latest.set(queued.name, queued);
      this.#overlayBytes += sizeOf(operation);
    }
  }

  #flushSoon(delayMs: number): void {
    if (this.#closed || this.#flushing || (this.#timer && delayMs > 0)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushNow().catch(() => undefined); // Kept in #flushFailure, and tried again.
    }, delayMs);
    this.#timer.unref();
  }

  /** One flush, shared by all who ask meanwhile. */
  #flushNow(): Promise<void> {
    this.#flushing ??= this.#flushOnce().finally(() => {
      this.#flushing = undefined;
      if (this.#queue.length > 0) this.#flushSoon(this.#flushFailure ? FLUSH_RETRY_MS : FLUSH_DELAY_MS);
    });
    return this.#flushing;
  }

  /** Log first: only what is durable in the log goes to LMDB, so that the log is never behind it. */
  async #flushOnce(): Promise<void> {
    try {
      await this.#log.sync();
      const { operations, count, sequence } = this.#nextBatch(this.#log.durableSequence);
      await this.#writeBehind(operations, sequence);
      this.#forget(count);
      this.#flushes++;
      this.#flushFailure = undefined;
      this.#log.release(sequence);
    } catch (cause) {
      if (cause instanceof PqError) this.#flushFailure = cause;
      throw cause;
    }
  }

  /** Whole frames from the head of the queue; of several operations on one key only the last. */
  #nextBatch(durable: number): { operations: Operation[]; count: number; sequence: number } {
    const batch = new Map<string, Operation>();
    let [count, bytes, sequence] = [0, 0, this.#flushed];
    for (const queued of this.#queue) {
      if (queued.sequence > durable || (queued.sequence > sequence && bytes > BATCH_BYTES_FULL)) break;
      batch.set(queued.name, queued.operation);
      bytes += sizeOf(queued.operation);
      sequence = queued.sequence;
      count++;
    }
    return { operations: [...batch.values()], count, sequence };
  }

  #forget(count: number): void {
    for (const queued of this.#queue.splice(0, count)) {
      this.#overlayBytes -= sizeOf(queued.operation);
      if (this.#latest.get(queued.name) === queued) this.#latest.delete(queued.name);
    }
  }

  /** Brings LMDB up to a frame of the log, in one transaction. */
  async #writeBehind(operations: readonly Operation[], sequence: number): Promise<void> {
    const value = Buffer.alloc(8);
    value.writeBigUInt64BE(BigInt(sequence));
    await this.#lmdb.write([...operations, { key: FLUSHED_KEY, value }]);
    this.#flushed = sequence;
  }
}

function sizeOf(operation: Operation): number {
  return operation.key.length + (operation.value?.length ?? 0);
}
