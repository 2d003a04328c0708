/** A store as it lies on disk, opened to be looked at: nothing in it changes, and nobody else uses it meanwhile. */
import { hash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isPqError, PqError } from '../errors.ts';
import { type DatabaseStats, FLUSHED_KEY, type OrderedBytes } from './database.ts';
import { DirectoryLock } from './directory-lock.ts';
import { storageError } from './durable-file.ts';
import { type LmdbRoot, openLmdb } from './lmdb-open.ts';
import { type LogContent, readLog } from './log-reader.ts';
import { MergedView, nameOf, type SortedReads } from './merged-view.ts';
import { decodeOperations, type Operation } from './operation.ts';
import { Store } from './store.ts';

/** A key that the index should hold otherwise: the log says so. */
export interface Disagreement {
  readonly key: Buffer;
  /** Frame of the log that wrote it last. */
  readonly sequence: number;
}

export interface StoreOnDisk {
  /** What is written to it is seen by its own reads, and stays in memory. */
  readonly store: Store;
  /** The same, by keys. */
  readonly bytes: Pick<OrderedBytes, 'get' | 'range'>;
  readonly log: LogContent;
  /** Frame of the log up to which the index has everything. */
  readonly flushedSequence: number;
  /** Where the index is not what the log, as far as it is kept, made of it. */
  readonly disagreements: readonly Disagreement[];
  close(): Promise<void>;
}

function unreadable(cause: unknown, directory: string): PqError {
  if (cause instanceof Error && 'code' in cause) return storageError(cause, directory, 'read');
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `The store in ${directory} cannot be read (${reason}): restore the disk from a backup or resync the node`;
  return new PqError('STORE_CORRUPT', message, { directory }, cause);
}

type Latest = Map<string, { readonly operation: Operation }>;

/**
 * Opens the store in a directory as a start would find it, with what the log has and the index has not on top, and changes
 * nothing but its lock. Throws `STORE_MISSING` where there is none, `STORE_LOCKED` while a node uses it, `STORE_CORRUPT`,
 * `STORE_FORMAT`, `STORE_IO_FAILED`.
 */
export async function openStoreToRead(directory: string): Promise<StoreOnDisk> {
  if (!fs.existsSync(join(directory, 'lmdb')) && !fs.existsSync(join(directory, 'log'))) {
    const message = `There is no store in ${directory}: name the home of a validator that has run`;
    throw new PqError('STORE_MISSING', message, { directory });
  }
  let lock: DirectoryLock | undefined;
  let index: Index | undefined;
  const close = async () => {
    await index?.close();
    lock?.release();
  };
  try {
    lock = DirectoryLock.acquire(directory);
    index = new Index(join(directory, 'lmdb'));
    return { ...readStore(index, join(directory, 'log')), close };
  } catch (error) {
    await close();
    throw isPqError(error) ? error : unreadable(error, directory);
  }
}

function readStore(index: Index, logDirectory: string): Omit<StoreOnDisk, 'close'> {
  const flushed = index.get(FLUSHED_KEY);
  const flushedSequence = flushed ? Number(Buffer.from(flushed).readBigUInt64BE(0)) : 0;
  const latest: Latest = new Map();
  const indexed = new LastWrites();
  const log = readLog(logDirectory, flushedSequence, (frame) => {
    for (const record of frame.records) {
      for (const operation of decodeOperations(record)) {
        if (frame.sequence <= flushedSequence) indexed.add(operation, frame.sequence);
        // A copy: a segment is not to stay in memory for one operation in it.
        else latest.set(nameOf(operation.key), { operation: copyOf(operation) });
      }
    }
  });
  const bytes = new InMemory(index, latest);
  return {
    store: new Store(bytes),
    bytes,
    log,
    flushedSequence,
    disagreements: indexed.disagreements(index, flushedSequence),
  };
}

function copyOf({ key, value }: Operation): Operation {
  return value ? { key: Buffer.from(key), value: Buffer.from(value) } : { key: Buffer.from(key) };
}

/** The index as it is on disk. A file that a crash left empty, or did not come to make, is an empty index. */
class Index implements SortedReads {
  readonly #path: string;
  readonly #root: LmdbRoot | undefined;

  constructor(path: string) {
    this.#path = path;
    const file = fs.statSync(join(path, 'data.mdb'), { throwIfNoEntry: false });
    if (file && file.size > 0) this.#root = this.#read(() => openLmdb(path, true));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#read(() => this.#root?.get(key));
  }

  first(from: Uint8Array, to: Uint8Array, limit: number): { key: Uint8Array; value: Uint8Array }[] {
    return this.#read(() => (this.#root ? [...this.#root.getRange({ start: from, end: to, limit })] : []));
  }

  *downwards(before: Uint8Array, from: Uint8Array): Generator<{ key: Uint8Array; value: Uint8Array }> {
    const range = { start: before, end: from, reverse: true, exclusiveStart: true };
    const entries = this.#read(() => this.#root?.getRange(range)[Symbol.iterator]());
    for (let next = this.#read(() => entries?.next()); next && !next.done; next = this.#read(() => entries?.next())) {
      yield next.value;
    }
  }

  async close(): Promise<void> {
    await this.#root?.close();
  }

  #read<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `The index ${this.#path} cannot be read (${reason}): restore the disk from a backup or resync the node`;
      throw new PqError('STORE_CORRUPT', message, { path: this.#path }, cause);
    }
  }
}

/** Reads of what is on disk under what is written here. */
class InMemory extends MergedView implements OrderedBytes {
  readonly #latest: Latest;

  constructor(stored: SortedReads, latest: Latest) {
    super(stored, latest);
    this.#latest = latest;
  }

  write(operations: readonly Operation[]): void {
    for (const operation of operations) this.#latest.set(nameOf(operation.key), { operation });
  }

  async sync(): Promise<void> {}

  stats(): DatabaseStats {
    const log = { segments: 0, durableSequence: 0, bufferedBytes: 0, writtenBytes: 0, syncs: 0 };
    const overlay = { overlayOperations: this.#latest.size, overlayBytes: 0 };
    return { log, ...overlay, flushedSequence: 0, flushes: 0, flushFailure: undefined };
  }

  async close(): Promise<void> {}
}

/** What the newest frames that the index has all of left under each key; a digest of it, for they may be large. */
class LastWrites {
  readonly #writes = new Map<string, { readonly sequence: number; readonly digest: string }>();
  #last = 0;

  add({ key, value }: Operation, sequence: number): void {
    // What the frames in between wrote is not known.
    if (sequence > this.#last + 1) this.#writes.clear();
    this.#last = sequence;
    this.#writes.set(nameOf(key), { sequence, digest: digestOf(value) });
  }

  /** None when the frames end before what the index has: a segment given back is there again where a power loss undid its renaming. */
  disagreements(index: Index, flushedSequence: number): Disagreement[] {
    const found: Disagreement[] = [];
    if (this.#last !== flushedSequence) return found;
    for (const [name, { sequence, digest }] of this.#writes) {
      const key = Buffer.from(name, 'latin1');
      if (digestOf(index.get(key)) !== digest) found.push({ key, sequence });
    }
    return found;
  }
}

function digestOf(value: Uint8Array | undefined): string {
  return value ? hash('sha256', value, 'base64') : '';
}
