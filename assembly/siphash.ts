// SipHash-1-3 (Aumasson, Bernstein 2012) of one 32-byte key: a table's hash that whoever does not know the seed cannot
// aim collisions at.

/** 16 bytes, the host sets it. */
export const SEED = memory.data(16, 8);

export function sipHash(key: usize): u64 {
  let v0: u64 = load<u64>(SEED) ^ 0x736f6d6570736575;
  let v1: u64 = load<u64>(SEED, 8) ^ 0x646f72616e646f6d;
  let v2: u64 = load<u64>(SEED) ^ 0x6c7967656e657261;
  let v3: u64 = load<u64>(SEED, 8) ^ 0x7465646279746573;
  for (let i: usize = 0; i < 8; i++) {
    // Four words of the key, the length in the top byte of a last word, then three rounds to finish.
    const word: u64 = i < 4 ? load<u64>(key + (i << 3)) : i == 4 ? <u64>32 << 56 : 0;
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
    if (i == 4) v2 ^= 0xff;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
