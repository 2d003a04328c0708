import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { SignedRecord } from '../core/io.ts';
import { PqError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { DurableFile, storageError, syncDirectory } from './durable-file.ts';

/**
 * The last-signed record: what this validator has put its name under, in a file of its own that outlives the database.
 * It is written before every signature, and refuses to go back: that is what keeps a validator from signing two blocks
 * of one round, whatever crashed.
 *
 * Two slots, written in turn, each in a page of its own: a write that is cut off leaves the other slot whole.
 *   slot  magic 8 ‖ counter u64 ‖ epoch u32 ‖ round u32 ‖ digest 32 ‖ voted index u64 ‖ voted digest 32 ‖ chain id 32 ‖ crc32c u32
 */
const MAGIC = Buffer.from('PQSIGN1\n', 'latin1');
const SLOT_BYTES = 132;
const SLOT_DISTANCE = 4096;
const FILE_BYTES = 2 * SLOT_DISTANCE;
const DIGEST_BYTES = 32;

/** What is in the file: the core's record, and the chain that it belongs to. */
export interface StoredSignedRecord extends SignedRecord {
  readonly chainId: Uint8Array;
}

interface Slot {
  readonly counter: number;
  readonly record: StoredSignedRecord;
}

/**
 * Opens a record. A missing file is no error here: {@link SignedRecordFile.read} is null and nothing can be written. Throws
 * `SIGNED_RECORD_CORRUPT` when neither slot can be read.
 */
export async function openSignedRecord(path: string): Promise<SignedRecordFile> {
  if (!fs.existsSync(path)) return new SignedRecordFile(path, undefined, undefined, false);
  return signedRecordIn(readBytes(path), path, () => DurableFile.open(path));
}

/** What the file of a record says; null when there is none. Nothing is opened for writing. Throws `SIGNED_RECORD_CORRUPT`. */
export async function readSignedRecord(path: string): Promise<Pick<SignedRecordFile, 'read' | 'damaged'> | null> {
  if (!fs.existsSync(path)) return null;
  return signedRecordIn(readBytes(path), path, async () => undefined);
}

/** Where a record is written: bytes at a position, durable when the promise resolves. */
type RecordFile = Pick<DurableFile, 'writeAt' | 'close'>;

/** The record in the content of its file, wherever that is kept. Throws `SIGNED_RECORD_CORRUPT`. */
export async function signedRecordIn(
  bytes: Buffer,
  path: string,
  open: () => Promise<RecordFile | undefined>,
): Promise<SignedRecordFile> {
  const slots = [0, SLOT_DISTANCE].map((at) => decodeSlot(bytes.subarray(at, at + SLOT_BYTES)));
  const [newest, other] = slots.toSorted((a, b) => (b?.counter ?? 0) - (a?.counter ?? 0));
  if (!newest) {
    const message = `The last-signed record ${path} is damaged: treat it as lost, do not sign in this epoch with this key`;
    throw new PqError('SIGNED_RECORD_CORRUPT', message, { path });
  }
  const damaged = newest.counter > 1 && other?.counter !== newest.counter - 1;
  return new SignedRecordFile(path, await open(), newest, damaged);
}

/**
 * Creates the record of a validator that has never signed on this chain: epoch 0, round 0, nothing voted. Throws
 * `SIGNED_RECORD_EXISTS` rather than replace one. Only for a new key: for an old one this is how double signing happens.
 */
export async function createSignedRecord(path: string, chainId: Uint8Array): Promise<void> {
  const bytes = firstSignedRecord(chainId);
  try {
    const fd = fs.openSync(path, 'wx', 0o600);
    try {
      fs.writeSync(fd, bytes);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw storageError(cause, path, 'create');
    const message = `There is a last-signed record at ${path}: use it; delete it only if its key has never signed`;
    throw new PqError('SIGNED_RECORD_EXISTS', message, { path }, cause);
  }
  await syncDirectory(dirname(path));
}

/** The content of a new record's file. */
export function firstSignedRecord(chainId: Uint8Array): Buffer {
  const record = {
    epoch: 0,
    round: 0,
    digest: new Uint8Array(DIGEST_BYTES),
    votedIndex: 0,
    votedDigest: chainId,
    chainId,
  };
  const bytes = Buffer.alloc(FILE_BYTES);
  encodeSlot({ counter: 1, record: record as unknown as StoredSignedRecord }).copy(bytes);
  return bytes;
}

export class SignedRecordFile {
  readonly #path: string;
  readonly #file: RecordFile | undefined;
  #newest: Slot | undefined;
  #work: Promise<void> = Promise.resolve();
  #failure: PqError | undefined;
  /**
   * One of the slots cannot be read. Mostly a write that was cut off before it counted; but if it is rot, the newest
   * record is lost and an older one is in use: tell the operator, and ask the peers for the own last block.
   */
  readonly damaged: boolean;

  /** Use {@link openSignedRecord}. */
  constructor(path: string, file: RecordFile | undefined, newest: Slot | undefined, damaged: boolean) {
    this.#path = path;
    this.#file = file;
    this.#newest = newest;
    this.damaged = damaged;
  }

  /** The newest record; null when there is no file: this validator must not sign. */
  read(): StoredSignedRecord | null {
    return this.#newest?.record ?? null;
  }

  /**
   * Durable when resolved; only then may what it names be signed. Rejects with `SIGNED_RECORD_REGRESSION` for an earlier
   * epoch or round, another digest in the same round, an earlier vote, or another digest at a voted index;
   * `SIGNED_RECORD_MISSING` without a file; `STORE_DISK_FULL` or `STORE_IO_FAILED`, and from then on nothing can be written.
   */
  write(record: SignedRecord): Promise<void> {
    const next = this.#work.then(() => this.#write(record));
    this.#work = next.catch(() => undefined); // The caller has the rejection; the next write is judged by itself.
    return next;
  }

  async close(): Promise<void> {
    await this.#work;
    this.#failure ??= new PqError('STORE_CLOSED', 'The last-signed record is closed: open it again');
    await this.#file?.close();
  }

  async #write(record: SignedRecord): Promise<void> {
    if (!this.#file || !this.#newest) {
      const message = `There is no last-signed record at ${this.#path}: this validator must not sign before it has one`;
      throw new PqError('SIGNED_RECORD_MISSING', message, { path: this.#path });
    }
    if (this.#failure) throw this.#failure;
    const { counter, record: last } = this.#newest;
    refuseRegression(last, record);
    const slot = { counter: counter + 1, record: copyOf(record, last.chainId) };
    try {
      await this.#file.writeAt(encodeSlot(slot), ((slot.counter - 1) % 2) * SLOT_DISTANCE);
    } catch (cause) {
      // The slot may hold either record now; whoever opens the file next will see which.
      this.#failure = cause as PqError;
      throw cause;
    }
    this.#newest = slot;
  }
}

function refuseRegression(last: SignedRecord, next: SignedRecord): void {
  const reason = regressionOf(last, next);
  if (!reason) return;
  const message = `Refused to sign: ${reason}. Another process with this key, or a restored backup? Stop and find out`;
  const data = { reason, last: brief(last), next: brief(next) };
  throw new PqError('SIGNED_RECORD_REGRESSION', message, data);
}

function regressionOf(last: SignedRecord, next: SignedRecord): string | undefined {
  if (next.epoch < last.epoch) return 'an earlier epoch than signed before';
  if (next.epoch === last.epoch && next.round < last.round) return 'an earlier round than signed before';
  const sameRound = next.epoch === last.epoch && next.round === last.round;
  if (sameRound && Buffer.compare(next.digest, last.digest) !== 0) return 'another block in a round signed before';
  if (next.votedIndex < last.votedIndex) return 'an earlier commit vote than before';
  const sameVote = next.votedIndex === last.votedIndex;
  if (sameVote && Buffer.compare(next.votedDigest, last.votedDigest) !== 0) return 'another digest for a voted commit';
  return undefined;
}

function brief({ epoch, round, votedIndex }: SignedRecord): Record<string, number> {
  return { epoch, round, votedIndex };
}

/** Own copies: what is remembered must not change with the caller's arrays. */
function copyOf(
  { epoch, round, digest, votedIndex, votedDigest }: SignedRecord,
  chainId: Uint8Array,
): StoredSignedRecord {
  const copies = { digest: Uint8Array.from(digest), votedDigest: Uint8Array.from(votedDigest) };
  return { epoch, round, votedIndex, chainId, ...copies } as StoredSignedRecord;
}

function encodeSlot({ counter, record }: Slot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(counter), 8);
  bytes.writeUInt32LE(record.epoch, 16);
  bytes.writeUInt32LE(record.round, 20);
  bytes.set(record.digest, 24);
  bytes.writeBigUInt64LE(BigInt(record.votedIndex), 56);
  bytes.set(record.votedDigest, 64);
  bytes.set(record.chainId, 96);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 128)), 128);
  return bytes;
}

function decodeSlot(bytes: Buffer): Slot | undefined {
  if (bytes.length < SLOT_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(128) !== crc32c(bytes.subarray(0, 128))) return undefined;
  const record = {
    epoch: bytes.readUInt32LE(16),
    round: bytes.readUInt32LE(20),
    digest: Uint8Array.from(bytes.subarray(24, 56)),
    votedIndex: Number(bytes.readBigUInt64LE(56)),
    votedDigest: Uint8Array.from(bytes.subarray(64, 96)),
    chainId: Uint8Array.from(bytes.subarray(96, 128)),
  };
  return { counter: Number(bytes.readBigUInt64LE(8)), record: record as unknown as StoredSignedRecord };
}

function readBytes(path: string): Buffer {
  try {
    return fs.readFileSync(path);
  } catch (cause) {
    throw storageError(cause, path, 'read');
  }
}
