import { PqError } from '../errors.ts';
import { readLog } from './log-reader.ts';
import { FRAME_HEADER_BYTES, paddedFrameBytes, SEGMENT_HEADER_BYTES, sealFrame } from './segment.ts';
import { type OpenSegment, SegmentPool } from './segment-pool.ts';

/** Size of a segment file unless the caller says otherwise. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;
/** A frame takes no further record once it is this large, so that one sync stays short. */
const FRAME_BYTES_FULL = 1024 * 1024;
/** Bytes appended and not yet written; beyond it `append` throws. */
const MAX_BUFFERED_BYTES = 128 * 1024 * 1024;
const RECORD_HEADER_BYTES = 4;
const FIRST_BUFFER_BYTES = 256 * 1024;
/** Written frame buffers kept for reuse. */
const MAX_FREE_BUFFERS = 2;

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** A segment in use, and the last frame in it. */
interface UsedSegment {
  readonly path: string;
  lastSequence: number;
}

/** A frame being filled: room for its header, then records (length u32 ‖ bytes). */
interface PendingFrame {
  readonly sequence: number;
  buffer: Buffer;
  payloadBytes: number;
}

export interface LogStats {
  readonly segments: number;
  readonly durableSequence: number;
  readonly bufferedBytes: number;
  readonly writtenBytes: number;
  readonly syncs: number;
}

/**
 * The write-ahead log: records in frames in preallocated segments. One frame is in flight at a time, and everything
 * appended meanwhile goes into the next one (group commit).
 */
export class WriteAheadLog {
  readonly #pool: SegmentPool;
  readonly #segmentBytes: number;
  readonly #used: UsedSegment[] = [];
  readonly #freeBuffers: Buffer[] = [];
  #pending: PendingFrame[] = [];
  #waiters: Waiter[] = [];
  #active: OpenSegment | undefined;
  #next: Promise<OpenSegment | PqError> | undefined;
  #position = SEGMENT_HEADER_BYTES;
  #sequence: number;
  #durable: number;
  #writing: Promise<void> | undefined;
  #failure: PqError | undefined;
  #writtenBytes = 0;
  #syncs = 0;

  private constructor(pool: SegmentPool, segmentBytes: number, sequence: number) {
    this.#pool = pool;
    this.#segmentBytes = segmentBytes;
    this.#sequence = sequence;
    this.#durable = sequence;
  }

  /**
   * Opens the log in a directory and hands every record of a frame after `flushedSequence` to `replay`, in order. The
   * caller must make them durable elsewhere and then call {@link release}; new frames go to a new segment, so a cut-off
   * tail is never written over. Throws `STORE_CORRUPT` when a frame is missing between good ones.
   */
  static open(
    directory: string,
    flushedSequence: number,
    replay: (record: Buffer, sequence: number) => void,
    segmentBytes = SEGMENT_BYTES,
  ): WriteAheadLog {
    const pool = new SegmentPool(directory, segmentBytes);
    let replayed = flushedSequence;
    const found = readLog(directory, flushedSequence, ({ sequence, records }) => {
      if (sequence <= replayed) return;
      replayed = sequence;
      for (const record of records) replay(record, sequence);
    });
    const log = new WriteAheadLog(pool, segmentBytes, found.lastSequence);
    log.#used.push(...found.segments);
    return log;
  }

  /** Sequence of the last frame that is surely on disk. */
  get durableSequence(): number {
    return this.#durable;
  }

  get stats(): LogStats {
    const bufferedBytes = this.#pending.reduce((sum, frame) => sum + frame.payloadBytes, 0);
    return {
      segments: this.#used.length,
      durableSequence: this.#durable,
      bufferedBytes,
      writtenBytes: this.#writtenBytes,
      syncs: this.#syncs,
    };
  }

  /**
   * Buffers one record, given in parts that are copied; returns the sequence of its frame. Throws `STORE_RECORD_TOO_LARGE` for a record
   * that no segment can hold, `STORE_BEHIND` when too much is waiting to be written, and what made the log fail.
   */
  append(parts: readonly Uint8Array[]): number {
    if (this.#failure) throw this.#failure;
    const bytes = parts.reduce((sum, part) => sum + part.length, RECORD_HEADER_BYTES);
    const max = this.#segmentBytes - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES - 8;
    if (bytes > max) {
      throw new PqError('STORE_RECORD_TOO_LARGE', `A record of ${bytes} bytes exceeds ${max}: split it`, {
        bytes,
        max,
      });
    }
    const frame = this.#frameFor(bytes);
    let at = FRAME_HEADER_BYTES + frame.payloadBytes;
    at = frame.buffer.writeUInt32LE(bytes - RECORD_HEADER_BYTES, at);
    for (const part of parts) {
      frame.buffer.set(part, at);
      at += part.length;
    }
    frame.payloadBytes += bytes;
    return frame.sequence;
  }

  /** Resolves when everything appended before the call is durable. Rejects with `STORE_DISK_FULL` (may be tried again) or `STORE_IO_FAILED`. */
  sync(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const sequence = this.#sequence;
    if (sequence <= this.#durable) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Everything up to `sequence` is in the database: its segments are recycled. */
  release(sequence: number): void {
    while (this.#used.length > 0 && this.#used[0]!.lastSequence <= sequence) {
      if (this.#used[0]!.path === this.#active?.file.path) return;
      this.#pool.retire(this.#used.shift()!.path);
    }
  }

  /** Waits for what is being written; what was appended and never synced is dropped. */
  async close(): Promise<void> {
    await this.#writing;
    this.#failure ??= new PqError('STORE_CLOSED', 'The store is closed: open it again');
    const next = await this.#next;
    if (next && !(next instanceof PqError)) await next.file.close();
    await this.#active?.file.close();
  }

  /** The frame that takes a record of `bytes`: the newest one, unless it is full or being written. */
  #frameFor(bytes: number): PendingFrame {
    let frame = this.#pending.at(-1);
    const full = frame && frame.payloadBytes > 0 && frame.payloadBytes + bytes > FRAME_BYTES_FULL;
    if (!frame || full) {
      const buffered = this.#pending.reduce((sum, each) => sum + each.payloadBytes, 0);
      if (buffered + bytes > MAX_BUFFERED_BYTES) {
        throw new PqError('STORE_BEHIND', 'The disk does not keep up with the log: await sync() before adding more', {
          buffered,
        });
      }
      frame = {
        sequence: ++this.#sequence,
        buffer: this.#freeBuffers.pop() ?? Buffer.allocUnsafe(FIRST_BUFFER_BYTES),
        payloadBytes: 0,
      };
      this.#pending.push(frame);
    }
    const needed = paddedFrameBytes(frame.payloadBytes + bytes);
    if (needed > frame.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * frame.buffer.length));
      frame.buffer.copy(larger, 0, 0, FRAME_HEADER_BYTES + frame.payloadBytes);
      frame.buffer = larger;
    }
    return frame;
  }

  /** Writes frames until nobody waits. A frame that could not be written stays first and is tried again by the next sync. */
  async #write(): Promise<void> {
    await undefined; // Callers of this turn share the first frame.
    try {
      while (this.#waiters.length > 0) {
        const frame = this.#pending.shift()!;
        await this.#writeFrame(frame).catch((error: unknown) => {
          this.#pending.unshift(frame);
          throw error;
        });
        this.#durable = frame.sequence;
        this.#syncs++;
        if (this.#freeBuffers.length < MAX_FREE_BUFFERS && frame.buffer.length <= 2 * FRAME_BYTES_FULL) {
          this.#freeBuffers.push(frame.buffer);
        }
        const done = this.#waiters.filter((waiter) => waiter.sequence <= this.#durable);
        this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > this.#durable);
        this.#writing = this.#waiters.length > 0 ? this.#writing : undefined;
        for (const waiter of done) waiter.resolve();
      }
    } catch (error) {
      // After a failed write or sync the kernel may have dropped the dirty pages: trying again would lie about them.
      if (error instanceof PqError && error.code !== 'STORE_DISK_FULL') this.#failure = error;
      const waiters = this.#waiters;
      this.#waiters = [];
      this.#writing = undefined;
      for (const waiter of waiters) waiter.reject(error);
    }
  }

  async #writeFrame(frame: PendingFrame): Promise<void> {
    const bytes = paddedFrameBytes(frame.payloadBytes);
    if (!this.#active || this.#position + bytes > this.#segmentBytes) await this.#advance();
    const { file, header } = this.#active!;
    sealFrame(frame.buffer, frame.payloadBytes, frame.sequence, header.salt);
    await file.writeAt(frame.buffer.subarray(0, bytes), this.#position);
    this.#used.at(-1)!.lastSequence = frame.sequence;
    this.#position += bytes;
    this.#writtenBytes += bytes;
    if (this.#position > this.#segmentBytes / 2) this.#prepareNext();
  }

  /** Prepares the next segment while there is room in this one; a failure is reported when it is needed. */
  #prepareNext(): void {
    this.#next ??= this.#pool.take().catch((error: unknown) => {
      if (error instanceof PqError) return error;
      throw error;
    });
  }

  async #advance(): Promise<void> {
    let next = await this.#next;
    this.#next = undefined;
    if (!next || next instanceof PqError) next = await this.#pool.take();
    await this.#active?.file.close();
    this.#active = next;
    this.#used.push({ path: next.file.path, lastSequence: 0 });
    this.#position = SEGMENT_HEADER_BYTES;
  }
}
