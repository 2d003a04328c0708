import * as fs from 'node:fs';
import { join } from 'node:path';
import { isPqError, PqError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { DurableFile, storageError, syncDirectory } from './durable-file.ts';

/**
 * Snapshots on disk: one file each, named by the commit that it is of. A file gets its name once all of it is durable, so a
 * crash leaves whole ones only. Integers are little-endian.
 *
 *   file    magic 8 ‖ index u64 ‖ crc32c of the 16 bytes before it ‖ piece ‖ … ‖ end
 *   piece   length u32 ‖ crc32c u32 of the length and the bytes, from the crc before it on ‖ bytes
 *   end     a piece without bytes, and nothing behind it
 *
 * Each crc goes on from the one before: pieces that are missing, doubled or of another file are seen too.
 */
const MAGIC = Buffer.from('PQSNAP1\n', 'latin1');
const HEADER_BYTES = 20;
const PIECE_HEADER_BYTES = 8;
/** Longer pieces are not written, and not believed when they are read. */
const MAX_PIECE_BYTES = 16 * 1024 * 1024;
/** The newest ones that are kept: should one be damaged, the one before it does. */
const KEPT_SNAPSHOTS = 2;
const SNAPSHOT_NAME = /^(\d{16})\.snapshot$/;
const UNFINISHED_NAME = /^\d{16}\.unfinished$/;

export class SnapshotFiles {
  readonly #directory: string;
  /** Newest first. */
  #indexes: number[];
  /** Of no use, and removed when the next one is written. */
  #distrusted: number[] = [];

  private constructor(directory: string, indexes: number[]) {
    this.#directory = directory;
    this.#indexes = indexes;
  }

  /** Opens a directory, created if missing, and removes what a crash left unfinished. Throws `STORE_IO_FAILED`, `STORE_DISK_FULL`. */
  static open(directory: string): SnapshotFiles {
    try {
      fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
      const names = fs.readdirSync(directory);
      for (const name of names) if (UNFINISHED_NAME.test(name)) fs.rmSync(join(directory, name));
      return new SnapshotFiles(directory, indexesOf(names));
    } catch (cause) {
      throw storageError(cause, directory, 'open');
    }
  }

  /** As {@link open}, and changes nothing. Throws `STORE_IO_FAILED`. */
  static openToRead(directory: string): Pick<SnapshotFiles, 'indexes' | 'read' | 'bytes'> {
    try {
      return new SnapshotFiles(directory, fs.existsSync(directory) ? indexesOf(fs.readdirSync(directory)) : []);
    } catch (cause) {
      throw storageError(cause, directory, 'open');
    }
  }

  /** Commits that a snapshot is held of, the newest first. */
  get indexes(): readonly number[] {
    return this.#indexes;
  }

  /**
   * Writes the snapshot of a commit that is newer than those held, piece by piece, each of them durable before the next one is
   * asked for; then removes those that are too old or of no use. Rejects with `STORE_DISK_FULL`, `STORE_IO_FAILED`, or what `pieces` throws: then
   * nothing has changed.
   */
  async write(index: number, pieces: Iterable<Uint8Array>): Promise<void> {
    const name = String(index).padStart(16, '0');
    const unfinished = join(this.#directory, `${name}.unfinished`);
    try {
      await writePieces(await DurableFile.createNew(unfinished), index, pieces);
      this.#name(unfinished, index);
      await syncDirectory(this.#directory);
    } catch (cause) {
      fs.rmSync(unfinished, { force: true });
      throw cause;
    }
    const older = this.#indexes.filter((each) => each < index);
    const gone = [...this.#indexes.filter((each) => each > index), ...this.#distrusted];
    this.#indexes = [index, ...older];
    this.#distrusted = [];
    for (const each of [...this.#indexes.splice(KEPT_SNAPSHOTS), ...gone]) {
      if (each !== index) fs.rmSync(this.#pathOf(each), { force: true });
    }
  }

  /** This one cannot be used: it is held no more. Its file stays until another one is there. */
  distrust(index: number): void {
    this.#indexes = this.#indexes.filter((each) => each !== index);
    this.#distrusted.push(index);
  }

  /**
   * The pieces of a snapshot. Throws `SNAPSHOT_DAMAGED` on coming to bytes that are not those that were written, at the latest
   * after the last piece: what was made of the pieces may be used only then. Also `STORE_IO_FAILED`.
   */
  *read(index: number): Generator<Uint8Array> {
    const path = this.#pathOf(index);
    let fd = -1;
    try {
      fd = fs.openSync(path, 'r');
      yield* readPieces(fd, index, path);
    } catch (cause) {
      throw isPqError(cause) ? cause : storageError(cause, path, 'read');
    } finally {
      if (fd !== -1) fs.closeSync(fd);
    }
  }

  /** Size of the file of a snapshot. */
  bytes(index: number): number {
    return fs.statSync(this.#pathOf(index)).size;
  }

  #name(unfinished: string, index: number): void {
    try {
      fs.renameSync(unfinished, this.#pathOf(index));
    } catch (cause) {
      throw storageError(cause, unfinished, 'name');
    }
  }

  #pathOf(index: number): string {
    return join(this.#directory, `${String(index).padStart(16, '0')}.snapshot`);
  }
}

function indexesOf(names: readonly string[]): number[] {
  const indexes = names.flatMap((name) => SNAPSHOT_NAME.exec(name)?.[1] ?? []).map(Number);
  return indexes.sort((a, b) => b - a);
}

async function writePieces(file: DurableFile, index: number, pieces: Iterable<Uint8Array>): Promise<void> {
  try {
    const header = encodeHeader(index);
    let crc = header.readUInt32LE(HEADER_BYTES - 4);
    let at = 0;
    const append = async (bytes: Uint8Array) => {
      await file.writeAt(bytes, at);
      at += bytes.length;
    };
    await append(header);
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      if (piece.length > MAX_PIECE_BYTES) {
        const message = `A piece of ${piece.length} bytes exceeds ${MAX_PIECE_BYTES}: split it`;
        throw new PqError('STORE_RECORD_TOO_LARGE', message, { bytes: piece.length, max: MAX_PIECE_BYTES });
      }
      crc = crcOf(piece, crc);
      await append(Buffer.concat([encodePieceHeader(piece.length, crc), piece]));
    }
    await append(encodePieceHeader(0, crcOf(new Uint8Array(0), crc)));
  } finally {
    await file.close();
  }
}

function* readPieces(fd: number, index: number, path: string): Generator<Uint8Array> {
  let at = 0;
  const take = (count: number): Buffer => {
    const bytes = Buffer.alloc(count);
    if (fs.readSync(fd, bytes, 0, count, at) !== count) refuse(path, at);
    at += count;
    return bytes;
  };
  const header = take(HEADER_BYTES);
  if (!header.equals(encodeHeader(index))) refuse(path, 0);
  let crc = header.readUInt32LE(HEADER_BYTES - 4);
  for (;;) {
    const pieceHeader = take(PIECE_HEADER_BYTES);
    const length = pieceHeader.readUInt32LE(0);
    if (length > MAX_PIECE_BYTES) refuse(path, at);
    const piece = take(length);
    crc = crcOf(piece, crc);
    if (pieceHeader.readUInt32LE(4) !== crc) refuse(path, at);
    if (length === 0) break;
    yield piece;
  }
  if (fs.fstatSync(fd).size !== at) refuse(path, at);
}

function refuse(path: string, position: number): never {
  const message = `The snapshot ${path} is damaged: check the disk; an older one is used in its place, if there is one`;
  throw new PqError('SNAPSHOT_DAMAGED', message, { path, position });
}

function encodeHeader(index: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(index), 8);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 16)), 16);
  return bytes;
}

function encodePieceHeader(length: number, crc: number): Buffer {
  const bytes = Buffer.alloc(PIECE_HEADER_BYTES);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(crc, 4);
  return bytes;
}

function crcOf(piece: Uint8Array, before: number): number {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(piece.length, 0);
  return crc32c(piece, crc32c(length, before));
}
