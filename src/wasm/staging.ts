/** Where the hashes of the core get their inputs from: a region above the heap base, of bounded size. */
import type { CoreInstance } from './instance.ts';

/** Rate of SHA3-256 in bytes (FIPS 202 §6.1); messages are padded to it in place. */
export const RATE_BYTES = 136;
export const DIGEST_BYTES = 32;
/** Input bytes staged at once. Bounds the memory of the hash instance; more is streamed or done in portions. */
export const STAGING_BYTES_MAX = 1024 * RATE_BYTES * 8;
/** For a digest or a path, and the bytes before a region that a kernel may read. */
const OUT_BYTES = 1024;

/** Addresses of what was staged. */
interface Staged {
  readonly lengths: number;
  readonly data: number;
  readonly out: number;
}

/** Bytes that a message of `length` takes with its padding. */
function paddedBytes(length: number): number {
  return (Math.floor(length / RATE_BYTES) + 1) * RATE_BYTES;
}

export class Staging {
  readonly core: CoreInstance;
  /** Where a digest or a path (32 digests) is handed over. */
  readonly out: number;
  /** First byte of what is staged. */
  readonly at: number;

  constructor(core: CoreInstance) {
    this.core = core;
    this.out = core.heapBase;
    this.at = core.heapBase + OUT_BYTES;
  }

  /** A fresh copy of the digest at `at`. */
  digest(at: number): Uint8Array {
    return this.core.u8.slice(at, at + DIGEST_BYTES);
  }

  /** Puts the parts one after the other, with `padding` bytes of room behind them. Expects that they fit. */
  put(parts: readonly Uint8Array[], length: number, padding: number): void {
    this.core.reserve(this.at + length + padding);
    let at = this.at;
    for (const part of parts) {
      this.core.u8.set(part, at);
      at += part.length;
    }
  }

  /**
   * Puts the parts through the region in portions of whole blocks of `rate` bytes, telling `absorb` of each; returns how many
   * bytes of the last portion are left there, with room for their padding behind them.
   */
  stream(parts: readonly Uint8Array[], rate: number, absorb: (blocks: number) => void): number {
    const { core } = this;
    const portion = Math.floor(STAGING_BYTES_MAX / rate) * rate;
    core.reserve(this.at + portion + rate);
    let held = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; ) {
        const taken = Math.min(part.length - at, portion - held);
        core.u8.set(part.subarray(at, at + taken), this.at + held);
        at += taken;
        held += taken;
        if (held < portion) continue;
        absorb(portion / rate);
        held = 0;
      }
    }
    return held;
  }

  /** How many items from `first` on fit the region, and their padded bytes. */
  portion(prefixLength: number, items: readonly Uint8Array[], first: number): { count: number; bytes: number } {
    let bytes = 0;
    let count = 0;
    for (let i = first; i < items.length; i++) {
      const padded = paddedBytes(prefixLength + items[i]!.length);
      if (bytes + padded > STAGING_BYTES_MAX) break;
      bytes += padded;
      count++;
    }
    return { count, bytes };
  }

  /** Lays out prefix, lengths, messages and room for the digests, in this order. */
  stage(prefix: Uint8Array, items: readonly Uint8Array[], first: number, count: number, bytes: number): Staged {
    const { core } = this;
    const lengths = (this.at + prefix.length + 7) & ~7;
    const data = lengths + ((4 * count + 7) & ~7);
    const out = data + bytes;
    core.reserve(out + DIGEST_BYTES * count);
    const { u8, u32 } = core;
    u8.set(prefix, this.at);
    let at = data + prefix.length;
    for (let i = 0; i < count; i++) {
      const item = items[first + i]!;
      u32[(lengths >> 2) + i] = item.length;
      u8.set(item, at);
      at += paddedBytes(prefix.length + item.length);
    }
    return { lengths, data, out };
  }
}

/** Bytes of all parts. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
