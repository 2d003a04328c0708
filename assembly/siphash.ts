// SipHash-1-3 (Aumasson, Bernstein 2012) of 32-byte keys: a table's hash that whoever does not know the seed cannot aim
// collisions at. Only its low 32 bits are used.

/** 16 bytes, the host sets it. */
export const SEED = memory.data(16, 8);

const INIT0: u64 = 0x736f6d6570736575;
const INIT1: u64 = 0x646f72616e646f6d;
const INIT2: u64 = 0x6c7967656e657261;
const INIT3: u64 = 0x7465646279746573;
/** The word after the key: its length in the top byte. */
const LENGTH: u64 = 32 << 56;
const FINISH: u64 = 0xff;

/** The words of a key, the length, then three rounds to finish. */
const ROUNDS: usize = 8;

export function sipHash(key: usize): u32 {
  let v0: u64 = load<u64>(SEED) ^ INIT0;
  let v1: u64 = load<u64>(SEED, 8) ^ INIT1;
  let v2: u64 = load<u64>(SEED) ^ INIT2;
  let v3: u64 = load<u64>(SEED, 8) ^ INIT3;
  for (let i: usize = 0; i < ROUNDS; i++) {
    const word: u64 = i < 4 ? load<u64>(key + (i << 3)) : i == 4 ? LENGTH : 0;
    v3 ^= word;
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 = rotl<u64>(v2, 32);
    v0 ^= word;
    if (i == 4) v2 ^= FINISH;
  }
  return <u32>(v0 ^ v1 ^ v2 ^ v3);
}

/**
 * Hashes of `count` keys to `out`, u32 each. Apart from their use, so that the processor can work on several keys at
 * once: a hash is one long chain, and what is done with it waits for memory.
 */
export function sipHashEach(keys: usize, count: u32, out: usize): void {
  let i: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 1 < count; i += 2) sipHashPair(keys + (<usize>i << 5), out + (<usize>i << 2));
  }
  for (; i < count; i++) store<u32>(out + (<usize>i << 2), sipHash(keys + (<usize>i << 5)));
}

@inline
function rotate(x: v128, bits: i32): v128 {
  return v128.or(i64x2.shl(x, bits), i64x2.shr_u(x, 64 - bits));
}

@inline
function rotate16(x: v128): v128 {
  return v128.shuffle<i16>(x, x, 3, 0, 1, 2, 7, 4, 5, 6);
}

@inline
function rotate32(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 0, 3, 2);
}

/** Two neighbouring keys at once. */
function sipHashPair(keys: usize, out: usize): void {
  let v0 = i64x2.splat(load<u64>(SEED) ^ INIT0);
  let v1 = i64x2.splat(load<u64>(SEED, 8) ^ INIT1);
  let v2 = i64x2.splat(load<u64>(SEED) ^ INIT2);
  let v3 = i64x2.splat(load<u64>(SEED, 8) ^ INIT3);
  for (let i: usize = 0; i < ROUNDS; i++) {
    let word = i64x2.splat(0);
    if (i < 4) word = v128.load64_lane(keys + (i << 3), v128.load64_zero(keys + (i << 3)), 1, 32);
    else if (i == 4) word = i64x2.splat(LENGTH);
    v3 = v128.xor(v3, word);
    v0 = i64x2.add(v0, v1);
    v2 = i64x2.add(v2, v3);
    v1 = v128.xor(rotate(v1, 13), v0);
    v3 = v128.xor(rotate16(v3), v2);
    v0 = rotate32(v0);
    v2 = i64x2.add(v2, v1);
    v0 = i64x2.add(v0, v3);
    v1 = v128.xor(rotate(v1, 17), v2);
    v3 = v128.xor(rotate(v3, 21), v0);
    v2 = rotate32(v2);
    v0 = v128.xor(v0, word);
    if (i == 4) v2 = v128.xor(v2, i64x2.splat(FINISH));
  }
  const hash = v128.xor(v128.xor(v0, v1), v128.xor(v2, v3));
  store<u32>(out, <u32>i64x2.extract_lane(hash, 0));
  store<u32>(out, <u32>i64x2.extract_lane(hash, 1), 4);
}
