import * as fs from 'node:fs';
import { join } from 'node:path';
import { PqError } from '../errors.ts';
import { decodeSegmentHeader, type Frame, readFrames, tornFrameAt } from './segment.ts';

export const SEGMENT_NAME = /^(\d{12})\.wal$/;
const RECORD_HEADER_BYTES = 4;

/** A segment left by an earlier run. */
interface FoundSegment {
  readonly path: string;
  readonly bytes: Buffer;
  readonly frames: readonly Frame[];
}

/** A frame that was begun and is not whole: mostly a write that a crash cut off. */
export interface TornFrame {
  readonly path: string;
  readonly position: number;
  readonly sequence: number;
}

/** What became of a log by being read. */
export interface LogContent {
  /** Segments in use, oldest first; 0 for one without a frame. */
  readonly segments: readonly { readonly path: string; readonly lastSequence: number }[];
  readonly frames: number;
  /** Sequence of the last frame, whether or not it is in a segment still. */
  readonly lastSequence: number;
  readonly torn: readonly TornFrame[];
}

export interface LogFrame {
  readonly path: string;
  readonly sequence: number;
  /** Views of the segment, which is read as a whole. */
  readonly records: Iterable<Buffer>;
}

/**
 * Reads the log in a directory, oldest frame first, one segment in memory at a time, and changes nothing. `read` gets every frame;
 * one after `flushedSequence` must be the next one. Throws `STORE_CORRUPT` when one is missing there, or a segment's header is bad.
 */
export function readLog(directory: string, flushedSequence: number, read: (frame: LogFrame) => void): LogContent {
  const segments: { path: string; lastSequence: number }[] = [];
  const torn: TornFrame[] = [];
  let frameCount = 0;
  let last = flushedSequence;
  for (const { path, bytes, frames } of segmentsIn(directory)) {
    segments.push({ path, lastSequence: frames.at(-1)?.sequence ?? 0 });
    frameCount += frames.length;
    for (const { sequence, position, payload } of frames) {
      if (sequence > last + 1) {
        const message = `The log has lost frame ${last + 1} before ${path}: restore the disk from a backup or resync the node`;
        throw new PqError('STORE_CORRUPT', message, { path, position, expected: last + 1, found: sequence });
      }
      last = Math.max(last, sequence);
      read({ path, sequence, records: splitRecords(payload) });
    }
    const next = (frames.at(-1)?.sequence ?? last) + 1;
    const position = tornFrameAt(bytes, frames.at(-1), next);
    if (position !== undefined) torn.push({ path, position, sequence: next });
  }
  return { segments, frames: frameCount, lastSequence: last, torn };
}

/** One after the other, oldest first. Throws `STORE_CORRUPT`. */
function* segmentsIn(directory: string): Generator<FoundSegment> {
  if (!fs.existsSync(directory)) return;
  for (const name of fs.readdirSync(directory).sort()) {
    if (!SEGMENT_NAME.test(name)) continue;
    const path = join(directory, name);
    const bytes = fs.readFileSync(path);
    yield { path, bytes, frames: readFrames(bytes, decodeSegmentHeader(bytes, path).salt) };
  }
}

function* splitRecords(payload: Buffer): Generator<Buffer> {
  for (let at = 0; at < payload.length; ) {
    const from = at + RECORD_HEADER_BYTES;
    at = from + payload.readUInt32LE(at);
    yield payload.subarray(from, at);
  }
}
