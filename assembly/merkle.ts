// The Merkle tree over digests: the shape of RFC 6962 §2.1, nodes H(0x01 ‖ left ‖ right), root H(0x02 ‖ count ‖ top).
import { keccakF } from './keccak';
import { keccakF2 } from './keccak-pair';
import { sha3, sha3Each } from './sha3';

const ONE = memory.data(200, 16);
const PAIR = memory.data(400, 16);
const LEAF_PREFIX = memory.data<u8>([0]);
/** The node that a climb has come to. */
const TOP = memory.data(32, 16);
/** Two neighbours, after at least 8 bytes that may be read, at a multiple of 64. */
const CHILDREN = memory.data(128, 64) + 64;
/** Room for 0x02 ‖ count ‖ top and its padding. */
const ROOT = memory.data(37 + 136, 8);
/** SHA3 padding of a 65-byte message: its first bit follows byte 64, its last bit ends the 136-byte block. */
const PAD_FIRST: u64 = 0x0600;
const PAD_LAST: u64 = 0x8000000000000000;
/** The prefix byte of an inner node, 0x01, in the place of the byte before `left`. */
const BYTE: u64 = 0xff;

/**
 * Whole Merkle root of `count` leaves to `out`: hashes the leaves (staged as for sha3Each with one byte of prefix) to
 * `digests` (32 bytes each, after at least 8 bytes of memory that may be read) and folds them.
 */
export function merkleRoot(lengths: usize, count: u32, data: usize, digests: usize, out: usize): void {
  sha3Each(LEAF_PREFIX, 1, lengths, count, data, digests);
  merkleFold(digests, count, out);
}

/** Folds `count` leaf digests in place and writes the root, which binds the count, to `out`. */
export function merkleFold(digests: usize, count: u32, out: usize): void {
  for (let width = count; width > 1; ) width = foldLevel(digests, width);
  writeRoot(count, digests, out);
}

/**
 * The siblings on the way from leaf `position` to the top, 32 bytes each, to `path` (room for 32); returns how many. The
 * leaves are staged and hashed to `digests` as {@link merkleRoot} says.
 */
export function merklePath(lengths: usize, count: u32, data: usize, digests: usize, position: u32, path: usize): u32 {
  sha3Each(LEAF_PREFIX, 1, lengths, count, data, digests);
  return merkleFoldPath(digests, count, position, path);
}

/** As {@link merklePath}, from leaf digests, which are folded in place. */
export function merkleFoldPath(digests: usize, count: u32, position: u32, path: usize): u32 {
  let siblings: u32 = 0;
  for (let width = count; width > 1; position >>= 1) {
    const sibling = position ^ 1;
    // The last of an odd number has none.
    if (sibling < width) {
      copyDigest(path + (<usize>siblings << 5), digests + (<usize>sibling << 5));
      siblings++;
    }
    width = foldLevel(digests, width);
  }
  return siblings;
}

/**
 * The root of the tree of `count` leaves that has the leaf digest at `leaf` at `position`, from its `siblings`, to `out`.
 * Returns 0, and writes nothing, unless there are exactly as many as this place needs. Expects position < count.
 */
export function merkleClimb(leaf: usize, position: u32, count: u32, siblings: usize, length: u32, out: usize): i32 {
  const end = siblings + (<usize>length << 5);
  copyDigest(TOP, leaf);
  for (let width = count; width > 1; width = (width >> 1) + (width & 1)) {
    if ((position ^ 1) < width) {
      if (siblings == end) return 0;
      const own = CHILDREN + (<usize>(position & 1) << 5);
      copyDigest(own, TOP);
      copyDigest(own ^ 32, siblings);
      node(CHILDREN, TOP);
      siblings += 32;
    }
    position >>= 1;
  }
  if (siblings != end) return 0;
  writeRoot(count, TOP, out);
  return 1;
}

/**
 * One level up in place: neighbours pair and an odd last one goes up as it is, which is the tree of RFC 6962 without
 * recursion. Returns how many nodes the level above has.
 */
function foldLevel(digests: usize, width: u32): u32 {
  const pairs = width >> 1;
  let i: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 1 < pairs; i += 2) nodePair(digests + (<usize>i << 6), digests + (<usize>i << 5));
  }
  for (; i < pairs; i++) node(digests + (<usize>i << 6), digests + (<usize>i << 5));
  if (width & 1) copyDigest(digests + (<usize>pairs << 5), digests + (<usize>(width - 1) << 5));
  return pairs + (width & 1);
}

/** H(0x02 ‖ count ‖ top), where the top of no leaves is zeros. */
function writeRoot(count: u32, top: usize, out: usize): void {
  store<u8>(ROOT, 2);
  store<u32>(ROOT + 1, count);
  for (let j: usize = 0; j < 32; j += 8) store<u64>(ROOT + 5 + j, count == 0 ? 0 : load<u64>(top + j));
  sha3(ROOT, 37, out);
}

@inline
function copyDigest(to: usize, from: usize): void {
  for (let i: usize = 0; i < 32; i += 8) store<u64>(to + i, load<u64>(from + i));
}

/** H(0x01 ‖ the 64 bytes at `children`) to `out`: the message and its padding go into the state as they are. */
function node(children: usize, out: usize): void {
  const at = children - 1;
  store<u64>(ONE, (load<u64>(at) & ~BYTE) | 1);
  for (let i: usize = 8; i < 64; i += 8) store<u64>(ONE + i, load<u64>(at + i));
  store<u64>(ONE, <u64>load<u8>(at + 64) | PAD_FIRST, 64);
  for (let i: usize = 72; i < 200; i += 8) store<u64>(ONE + i, 0);
  store<u64>(ONE, PAD_LAST, 128);
  keccakF(ONE);
  for (let i: usize = 0; i < 32; i += 8) store<u64>(out + i, load<u64>(ONE + i));
}

/** Two neighbouring nodes at once: the 128 bytes at `children` to the 64 bytes at `out`. */
function nodePair(children: usize, out: usize): void {
  const at0 = children - 1;
  const at1 = at0 + 64;
  store<u64>(PAIR, (load<u64>(at0) & ~BYTE) | 1);
  store<u64>(PAIR, (load<u64>(at1) & ~BYTE) | 1, 8);
  for (let i: usize = 8; i < 64; i += 8) {
    v128.store(PAIR + (i << 1), v128.load64_lane(at1 + i, v128.load64_zero(at0 + i), 1));
  }
  store<u64>(PAIR, <u64>load<u8>(at0 + 64) | PAD_FIRST, 128);
  store<u64>(PAIR, <u64>load<u8>(at1 + 64) | PAD_FIRST, 136);
  for (let i: usize = 144; i < 400; i += 16) v128.store(PAIR + i, i64x2.splat(0));
  v128.store(PAIR, i64x2.splat(PAD_LAST), 256);
  keccakF2(PAIR);
  for (let i: usize = 0; i < 32; i += 8) {
    store<u64>(out + i, load<u64>(PAIR + (i << 1)));
    store<u64>(out + 32 + i, load<u64>(PAIR + (i << 1), 8));
  }
}
