import * as fs from 'node:fs';
import { join } from 'node:path';
import { PqError } from '../errors.ts';
import { DurableFile, storageError, syncDirectory } from './durable-file.ts';
import { SEGMENT_NAME } from './log-reader.ts';
import { encodeSegmentHeader, type SegmentHeader } from './segment.ts';

/** Empty preallocated files kept for reuse; more are deleted. */
const MAX_SPARE_SEGMENTS = 2;
const SPARE_NAME = /^\d{12}\.spare$/;

/** A segment ready to be written. */
export interface OpenSegment {
  readonly file: DurableFile;
  readonly header: SegmentHeader;
}

/** The files of the log: numbered `.wal` segments in use, and `.spare` ones waiting to be used again. */
export class SegmentPool {
  readonly #directory: string;
  readonly #segmentBytes: number;
  #nextNumber = 1;
  #spares: string[] = [];

  constructor(directory: string, segmentBytes: number) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of fs.readdirSync(directory).sort()) {
      const path = join(directory, name);
      const number = SEGMENT_NAME.exec(name)?.[1];
      if (number !== undefined) this.#nextNumber = Math.max(this.#nextNumber, Number(number) + 1);
      // A spare of the wrong size was cut off while it was being written.
      if (SPARE_NAME.test(name)) this.#keepSpare(path, fs.statSync(path).size === segmentBytes);
    }
  }

  /** A segment of the next number, header durable, name durable. Throws `STORE_DISK_FULL` or `STORE_IO_FAILED`. */
  async take(): Promise<OpenSegment> {
    const name = String(this.#nextNumber).padStart(12, '0');
    let spare = this.#spares.pop();
    if (spare === undefined) {
      spare = join(this.#directory, `${name}.spare`);
      await DurableFile.create(spare, this.#segmentBytes);
    }
    try {
      const { header, bytes } = encodeSegmentHeader(this.#nextNumber);
      const unnamed = await DurableFile.open(spare);
      await unnamed.writeAt(bytes, 0).finally(() => unnamed.close());
      const path = join(this.#directory, `${name}.wal`);
      fs.renameSync(spare, path);
      this.#nextNumber++;
      await syncDirectory(this.#directory);
      return { file: await DurableFile.open(path), header };
    } catch (cause) {
      if (fs.existsSync(spare)) this.#spares.push(spare);
      throw cause instanceof PqError ? cause : storageError(cause, spare, 'prepare');
    }
  }

  /** Gives back a segment whose frames are all in the database. */
  retire(path: string): void {
    const spare = path.replace(/\.wal$/, '.spare');
    try {
      fs.renameSync(path, spare);
      this.#keepSpare(spare, fs.statSync(spare).size === this.#segmentBytes);
    } catch (cause) {
      throw storageError(cause, path, 'recycle');
    }
  }

  #keepSpare(path: string, usable: boolean): void {
    if (usable && this.#spares.length < MAX_SPARE_SEGMENTS) this.#spares.push(path);
    else fs.rmSync(path, { force: true });
  }
}
