import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { PqError } from '../errors.ts';

/**
 * Files whose writes are durable when the promise resolves, without blocking the event loop.
 *
 * Linux: O_DSYNC, which does write and fdatasync in one call (one trip to the thread pool instead of two). Elsewhere: write, then
 * fdatasync (which is F_FULLFSYNC on macOS; O_DSYNC there does not reach the platter).
 */
const USE_DSYNC = process.platform === 'linux';
const DURABLE_FLAGS = fs.constants.O_RDWR | (USE_DSYNC ? fs.constants.O_DSYNC : 0);
/** Preallocation goes to the disk in pieces of this size: one large sync would hold up those of the log meanwhile. */
const CREATE_CHUNK_BYTES = 256 * 1024;

const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const writeFile = promisify(fs.write) as (
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number }>;
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);

/** Out of space, over quota, or over the file-size limit: the operator can free space and go on. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A coded error for a failed file operation: `STORE_DISK_FULL` or `STORE_IO_FAILED`. */
export function storageError(cause: unknown, path: string, what: string): PqError {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
  if (FULL.has(errno)) {
    const message = `No space left to ${what} ${path}: free disk space (or raise the quota); nothing acknowledged is lost`;
    return new PqError('STORE_DISK_FULL', message, { path, errno }, cause);
  }
  const message = `Could not ${what} ${path} (${errno}): check the disk and its permissions, then restart the node`;
  return new PqError('STORE_IO_FAILED', message, { path, errno }, cause);
}

/** A file that is open for durable writes. */
export class DurableFile {
  readonly path: string;
  readonly #fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** Opens an existing file for durable writes. */
  static async open(path: string): Promise<DurableFile> {
    try {
      return new DurableFile(path, await openFile(path, DURABLE_FLAGS));
    } catch (cause) {
      throw storageError(cause, path, 'open');
    }
  }

  /** Creates an empty file, in place of one that a crash left, to be written from its beginning on. */
  static async createNew(path: string): Promise<DurableFile> {
    const flags = fs.constants.O_CREAT | fs.constants.O_TRUNC | DURABLE_FLAGS;
    try {
      return new DurableFile(path, await openFile(path, flags, 0o600));
    } catch (cause) {
      throw storageError(cause, path, 'create');
    }
  }

  /**
   * Creates a file of `bytes` zero bytes, really written: a file that is only extended changes its metadata on the first write to every
   * page, which makes each sync slower and lets a full disk strike in the middle of the log.
   */
  static async create(path: string, bytes: number): Promise<void> {
    let fd = -1;
    try {
      fd = await openFile(path, fs.constants.O_CREAT | fs.constants.O_TRUNC | DURABLE_FLAGS, 0o600);
      const zeros = new Uint8Array(Math.min(bytes, CREATE_CHUNK_BYTES));
      for (let at = 0; at < bytes; at += zeros.length) {
        await writeAll(fd, zeros.subarray(0, Math.min(zeros.length, bytes - at)), at);
      }
      await fsync(fd);
    } catch (cause) {
      fs.rmSync(path, { force: true });
      throw storageError(cause, path, 'preallocate');
    } finally {
      if (fd !== -1) await closeFile(fd);
    }
  }

  /** Writes at an absolute position; durable when resolved. `bytes` must not change until then. */
  async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await writeAll(this.#fd, bytes, position);
      if (!USE_DSYNC) await fdatasync(this.#fd);
    } catch (cause) {
      throw storageError(cause, this.path, 'write');
    }
  }

  async close(): Promise<void> {
    await closeFile(this.#fd);
  }
}

/** The kernel may write less than asked (a nearly full disk, a signal); go on until all is written or it says why not. */
async function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeFile(fd, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Makes creations, renames and removals in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return; // Directories cannot be opened there; NTFS journals names by itself.
  let fd = -1;
  try {
    fd = await openFile(directory, 'r');
    await fsync(fd);
  } catch (cause) {
    throw storageError(cause, directory, 'sync');
  } finally {
    if (fd !== -1) await closeFile(fd);
  }
}
