/** SHA3-256 (FIPS 202 §6.1) and the Merkle root over it, in plain JavaScript. */
import { keccakF } from './keccak.ts';

/** Rate of SHA3-256: 1600 − 2 · 256 bits (FIPS 202 §6.1). */
const RATE_BYTES = 136;
const DIGEST_BYTES = 32;

const state = new Uint32Array(50);
const block = new Uint8Array(RATE_BYTES);

function absorb(bytes: Uint8Array, offset: number): void {
  for (let word = 0, at = offset; word < RATE_BYTES / 4; word++, at += 4) {
    state[word]! ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
  keccakF(state);
}

/** SHA3-256 of the concatenation of the parts. */
export function sha3_256(...parts: readonly Uint8Array[]): Uint8Array {
  state.fill(0);
  let held = 0;
  for (const part of parts) {
    let at = 0;
    if (held > 0) {
      at = Math.min(RATE_BYTES - held, part.length);
      block.set(at === part.length ? part : part.subarray(0, at), held);
      held += at;
      if (held < RATE_BYTES) continue;
      absorb(block, 0);
    }
    for (; at + RATE_BYTES <= part.length; at += RATE_BYTES) absorb(part, at);
    held = part.length - at;
    block.set(at === 0 ? part : part.subarray(at), 0);
  }
  // Domain bits 01 and the first pad bit, then the last bit of pad10*1 (FIPS 202 §6.1, §5.1, appendix B.2).
  block.fill(0, held);
  block[held] = 0x06;
  block[RATE_BYTES - 1]! |= 0x80;
  absorb(block, 0);
  const digest = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = state[i >> 2]! >>> (8 * (i & 3));
  return digest;
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const ROOT = Uint8Array.of(2);

/**
 * Merkle root as {@link Kernels.merkleRoot} defines it. Pairing neighbours level by level and passing an odd last one up
 * unchanged gives the same tree as the recursive split of RFC 6962 §2.1 at the largest power of two.
 */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const level = leaves.map((leaf) => sha3_256(LEAF, leaf));
  for (let count = level.length; count > 1; count = (count + 1) >> 1) {
    for (let i = 0; i + 1 < count; i += 2) level[i >> 1] = sha3_256(NODE, level[i]!, level[i + 1]!);
    if (count & 1) level[count >> 1] = level[count - 1]!;
  }
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, leaves.length, true);
  return sha3_256(ROOT, count, level[0] ?? new Uint8Array(DIGEST_BYTES));
}
