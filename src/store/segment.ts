import { randomBytes } from 'node:crypto';
import { PqError } from '../errors.ts';
import { crc32c } from './crc32c.ts';

/**
 * The layout of a log segment; pure functions of bytes. Integers are little-endian.
 *
 *   segment  header (64 bytes) ‖ frame ‖ frame ‖ … ‖ whatever the file held before
 *   header   magic 8 ‖ number u64 ‖ salt 4 ‖ crc32c of the 20 bytes before it ‖ zeros
 *   frame    magic u32 ‖ length u32 ‖ sequence u64 ‖ crc of the payload u32 ‖ crc of the 20 bytes before it u32 ‖ payload ‖
 *            zeros up to a multiple of 8
 *
 * A frame is what one sync wrote, and the next one is written only after it is durable. So a bad frame with a good later
 * one is corruption of something acknowledged, and a bad frame with nothing after it is a write that a crash cut off.
 *
 * Both CRCs start from the segment's salt. Recycled files keep old frames behind the new ones, and peers choose what is
 * in the payloads: neither can be taken for a frame of this segment without knowing its salt.
 */
export const SEGMENT_HEADER_BYTES = 64;
export const FRAME_HEADER_BYTES = 24;
const FRAME_ALIGN = 8;
const SEGMENT_MAGIC = Uint8Array.from([0x50, 0x51, 0x57, 0x41, 0x4c, 0x31, 0x0a, 0x1a]); // "PQWAL1\n\x1a"
const FRAME_MAGIC = 0x4d524650; // "PFRM"

export interface SegmentHeader {
  readonly number: number;
  readonly salt: number;
}

/** A frame found in a segment. `payload` is a view. */
export interface Frame {
  readonly sequence: number;
  readonly position: number;
  readonly payload: Buffer;
}

export function paddedFrameBytes(payloadBytes: number): number {
  return Math.ceil((FRAME_HEADER_BYTES + payloadBytes) / FRAME_ALIGN) * FRAME_ALIGN;
}

/** A header for segment `number` with a fresh random salt. */
export function encodeSegmentHeader(number: number): { header: SegmentHeader; bytes: Uint8Array } {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.set(SEGMENT_MAGIC, 0);
  bytes.writeBigUInt64LE(BigInt(number), 8);
  bytes.set(randomBytes(4), 16);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 20)), 20);
  return { header: { number, salt: bytes.readUInt32LE(16) }, bytes };
}

/** Throws `STORE_CORRUPT`: a segment gets its name only after its header is durable, so a bad header is never a crash. */
export function decodeSegmentHeader(segment: Buffer, path: string): SegmentHeader {
  const ok =
    segment.length >= SEGMENT_HEADER_BYTES &&
    SEGMENT_MAGIC.every((byte, at) => segment[at] === byte) &&
    segment.readUInt32LE(20) === crc32c(segment.subarray(0, 20));
  if (!ok) {
    throw new PqError('STORE_CORRUPT', `The log segment ${path} has a damaged header: restore the disk or resync`, {
      path,
    });
  }
  return { number: Number(segment.readBigUInt64LE(8)), salt: segment.readUInt32LE(16) };
}

/** Fills in the header of a frame whose payload already lies at `frame[24 …]`; `payloadBytes` without padding. */
export function sealFrame(frame: Buffer, payloadBytes: number, sequence: number, salt: number): void {
  frame.writeUInt32LE(FRAME_MAGIC, 0);
  frame.writeUInt32LE(payloadBytes, 4);
  frame.writeBigUInt64LE(BigInt(sequence), 8);
  frame.writeUInt32LE(crc32c(frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + payloadBytes), salt), 16);
  frame.writeUInt32LE(crc32c(frame.subarray(0, 20), salt), 20);
  frame.fill(0, FRAME_HEADER_BYTES + payloadBytes, paddedFrameBytes(payloadBytes));
}

/**
 * Every good frame of a segment in order of position; what lies between good frames is skipped, so that the caller can
 * see from the sequence numbers whether anything is missing.
 */
export function readFrames(segment: Buffer, salt: number): Frame[] {
  const frames: Frame[] = [];
  let position = SEGMENT_HEADER_BYTES;
  while (position + FRAME_HEADER_BYTES <= segment.length) {
    const frame = readFrame(segment, position, salt);
    if (frame) frames.push(frame);
    position += frame ? paddedFrameBytes(frame.payload.length) : FRAME_ALIGN;
  }
  return frames;
}

/**
 * Where a frame of the number `sequence` was begun behind the last good one: its header, before a payload that is not whole. What a
 * recycled file held before has lower numbers. A cut within the first 16 bytes does not show.
 */
export function tornFrameAt(segment: Buffer, last: Frame | undefined, sequence: number): number | undefined {
  const position = last ? last.position + paddedFrameBytes(last.payload.length) : SEGMENT_HEADER_BYTES;
  if (position + FRAME_HEADER_BYTES > segment.length || segment.readUInt32LE(position) !== FRAME_MAGIC)
    return undefined;
  return Number(segment.readBigUInt64LE(position + 8)) === sequence ? position : undefined;
}

function readFrame(segment: Buffer, position: number, salt: number): Frame | undefined {
  if (segment.readUInt32LE(position) !== FRAME_MAGIC) return undefined;
  const header = segment.subarray(position, position + FRAME_HEADER_BYTES);
  if (header.readUInt32LE(20) !== crc32c(header.subarray(0, 20), salt)) return undefined;
  const from = position + FRAME_HEADER_BYTES;
  const to = from + header.readUInt32LE(4);
  if (to > segment.length) return undefined;
  const payload = segment.subarray(from, to);
  if (header.readUInt32LE(16) !== crc32c(payload, salt)) return undefined;
  return { sequence: Number(header.readBigUInt64LE(8)), position, payload };
}
