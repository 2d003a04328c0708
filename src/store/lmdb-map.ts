import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PqError } from '../errors.ts';
import { storageError } from './durable-file.ts';
import { type LmdbRoot, openLmdb } from './lmdb-open.ts';
import type { WorkerAnswer, WorkerRequest } from './lmdb-worker.ts';
import { encodeOperations, type Operation } from './operation.ts';

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './lmdb-worker.ts' : './lmdb-worker.js', import.meta.url);

export interface LmdbEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * LMDB as an ordered map of bytes to bytes: synchronous reads, atomic durable writes that do not block the event loop,
 * coded errors.
 */
export class LmdbMap {
  readonly #root: LmdbRoot;
  readonly #worker: Worker;
  /** Writes sent and not yet answered, oldest first. */
  readonly #waiting: Waiting[] = [];
  #died: PqError | undefined;
  #closed = false;

  /** Opens or creates the files in a directory. Throws `STORE_DISK_FULL` or `STORE_IO_FAILED`. */
  constructor(path: string) {
    try {
      this.#root = openLmdb(path);
    } catch (cause) {
      throw databaseError(cause as Error, path);
    }
    this.#worker = new Worker(WORKER, { workerData: path });
    this.#worker.unref();
    this.#worker.on('message', (answer: WorkerAnswer) => {
      const { resolve, reject } = this.#waiting.shift()!;
      // Reads of this turn hold on to an older snapshot otherwise.
      this.#root.resetReadTxn();
      if (answer) reject(databaseError(answer, path));
      else resolve();
    });
    this.#worker.on('error', (cause) => this.#die(storageError(cause, path, 'write')));
    this.#worker.on('exit', () => this.#die(closedError()));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#requireOpen();
    return this.#root.get(key);
  }

  /** The first entries with from ≤ key < to. */
  first(from: Uint8Array, to: Uint8Array, limit: number): LmdbEntry[] {
    this.#requireOpen();
    return [...this.#root.getRange({ start: from, end: to, limit })];
  }

  /** Entries with key < before, from the highest down to `from`. */
  downwards(before: Uint8Array, from: Uint8Array): Iterable<LmdbEntry> {
    this.#requireOpen();
    return this.#root.getRange({ start: before, end: from, reverse: true, exclusiveStart: true });
  }

  /** Applies all operations or none; durable and visible when resolved. Rejects with `STORE_DISK_FULL` or `STORE_IO_FAILED`. */
  write(operations: Iterable<Operation>): Promise<void> {
    if (this.#died) return Promise.reject(this.#died);
    const batch = pack(encodeOperations(operations));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(batch satisfies WorkerRequest, [batch.buffer]);
    });
  }

  /** Waits for the writes under way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (!this.#died) {
      const ended = once(this.#worker, 'exit');
      this.#worker.ref();
      this.#worker.postMessage(null satisfies WorkerRequest);
      await ended;
    }
    this.#closed = true;
    await this.#root.close();
  }

  #die(reason: PqError): void {
    this.#died ??= reason;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#died);
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
  }
}

function closedError(): PqError {
  return new PqError('STORE_CLOSED', 'The store is closed: open it again');
}

/** One buffer of its own, which moves to the thread: sending views would copy all that lies behind them. */
function pack(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

/** A full disk shows in several ways: LMDB itself turns a write that was cut short into EIO (5). */
function databaseError(cause: { readonly message: string; readonly code?: unknown }, path: string): PqError {
  const full = cause.code === 5 || /no space left|file too large|quota|MDB_MAP_FULL/i.test(cause.message);
  return storageError({ code: full ? 'ENOSPC' : cause.message }, path, 'write');
}
