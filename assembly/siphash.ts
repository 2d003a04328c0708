// SipHash-2-4 (Aumasson, Bernstein 2012) of a number: the secrets of the table's hash from one seed.

/** 16 bytes, the host sets it. */
export const SEED = memory.data(16, 8);

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

function round(): void {
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
}

function absorb(word: u64): void {
  v3 ^= word;
  round();
  round();
  v0 ^= word;
}

/** SipHash-2-4 under the seed of the 8 bytes of `word`. */
export function sipHash(word: u64): u64 {
  v0 = load<u64>(SEED) ^ 0x736f6d6570736575;
  v1 = load<u64>(SEED, 8) ^ 0x646f72616e646f6d;
  v2 = load<u64>(SEED) ^ 0x6c7967656e657261;
  v3 = load<u64>(SEED, 8) ^ 0x7465646279746573;
  absorb(word);
  // The last word of a message of 8 bytes: its length in the top byte.
  absorb(<u64>8 << 56);
  v2 ^= 0xff;
  for (let i = 0; i < 4; i++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}
