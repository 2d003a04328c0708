/** SHA3-256 and Merkle roots through the core. Inputs are staged above the heap base; big ones are streamed. */
import type { CoreInstance } from './instance.ts';

/** Rate of SHA3-256 in bytes (FIPS 202 §6.1); messages are padded to it in place. */
const RATE_BYTES = 136;
const DIGEST_BYTES = 32;
/** Input bytes staged at once. Bounds the memory of the hash instance; more is streamed or done in portions. */
const STAGING_BYTES_MAX = 1024 * RATE_BYTES * 8;

/** Bytes that a message of `length` takes with its padding. */
function paddedBytes(length: number): number {
  return (Math.floor(length / RATE_BYTES) + 1) * RATE_BYTES;
}

export class CoreHash {
  readonly #core: CoreInstance;
  /** Where a digest is handed over; 64 bytes, also the bytes before the staging area that merkleFold may read. */
  readonly #out: number;
  readonly #staging: number;

  constructor(core: CoreInstance) {
    this.#core = core;
    this.#out = core.heapBase;
    this.#staging = core.heapBase + 64;
  }

  /** SHA3-256 of the concatenation of the parts. */
  sha3_256(parts: readonly Uint8Array[]): Uint8Array {
    const core = this.#core;
    let length = 0;
    for (const part of parts) length += part.length;
    if (length > STAGING_BYTES_MAX) return this.#streamed(parts);
    core.reserve(this.#staging + length + RATE_BYTES);
    let at = this.#staging;
    for (const part of parts) {
      core.u8.set(part, at);
      at += part.length;
    }
    core.exports.sha3(this.#staging, length, this.#out);
    return this.#digest(this.#out);
  }

  #streamed(parts: readonly Uint8Array[]): Uint8Array {
    const core = this.#core;
    core.reserve(this.#staging + STAGING_BYTES_MAX + RATE_BYTES);
    core.exports.sha3Init();
    let held = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; ) {
        const taken = Math.min(part.length - at, STAGING_BYTES_MAX - held);
        core.u8.set(part.subarray(at, at + taken), this.#staging + held);
        at += taken;
        held += taken;
        if (held < STAGING_BYTES_MAX) continue;
        core.exports.sha3Absorb(this.#staging, STAGING_BYTES_MAX / RATE_BYTES);
        held = 0;
      }
    }
    core.exports.sha3Final(this.#staging, held, this.#out);
    return this.#digest(this.#out);
  }

  #digest(at: number): Uint8Array {
    return this.#core.u8.slice(at, at + DIGEST_BYTES);
  }

  /** SHA3-256 of `prefix ‖ item` for every item. */
  sha3_256Each(prefix: Uint8Array, items: readonly Uint8Array[]): Uint8Array[] {
    const digests = new Array<Uint8Array>(items.length);
    for (let first = 0; first < items.length; ) {
      const portion = this.#portion(prefix.length, items, first);
      if (portion.count === 0) {
        digests[first] = this.#streamed([prefix, items[first]!]);
        first++;
        continue;
      }
      const { lengths, data, out } = this.#stage(prefix, items, first, portion.count, portion.bytes);
      this.#core.exports.sha3Each(this.#staging, prefix.length, lengths, portion.count, data, out);
      for (let i = 0; i < portion.count; i++) digests[first + i] = this.#digest(out + DIGEST_BYTES * i);
      first += portion.count;
    }
    return digests;
  }

  /** Merkle root of the leaves, as {@link Kernels.merkleRoot} defines it. */
  merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
    const { exports } = this.#core;
    const portion = this.#portion(1, leaves, 0);
    if (portion.count < leaves.length) return this.#bigMerkleRoot(leaves);
    const { lengths, data, out } = this.#stage(LEAF_PREFIX, leaves, 0, portion.count, portion.bytes);
    exports.merkleRoot(lengths, portion.count, data, out, this.#out);
    return this.#digest(this.#out);
  }

  /** Leaves that do not fit the staging area at once: their digests first, then the fold alone. */
  #bigMerkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
    const core = this.#core;
    const digests = this.sha3_256Each(LEAF_PREFIX, leaves);
    core.reserve(this.#staging + DIGEST_BYTES * digests.length);
    for (let i = 0; i < digests.length; i++) core.u8.set(digests[i]!, this.#staging + DIGEST_BYTES * i);
    core.exports.merkleFold(this.#staging, digests.length, this.#out);
    return this.#digest(this.#out);
  }

  /** How many items from `first` on fit the staging area, and their padded bytes. */
  #portion(prefixLength: number, items: readonly Uint8Array[], first: number): { count: number; bytes: number } {
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

  /** Lays out prefix, lengths, messages and room for the digests, in this order, from the staging address on. */
  #stage(prefix: Uint8Array, items: readonly Uint8Array[], first: number, count: number, bytes: number): Staged {
    const core = this.#core;
    const lengths = (this.#staging + prefix.length + 7) & ~7;
    const data = lengths + ((4 * count + 7) & ~7);
    const out = data + bytes;
    core.reserve(out + DIGEST_BYTES * count);
    const { u8, u32 } = core;
    u8.set(prefix, this.#staging);
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

const LEAF_PREFIX = Uint8Array.of(0);

/** Addresses of what was staged. */
interface Staged {
  readonly lengths: number;
  readonly data: number;
  readonly out: number;
}
