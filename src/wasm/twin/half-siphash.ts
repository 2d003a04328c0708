/**
 * HalfSipHash-1-3 (Aumasson and Bernstein's SipHash with 32-bit words) of one 32-byte key: a table's hash that whoever
 * does not know the seed cannot aim collisions at.
 */
export function halfSipHash(words: Uint32Array, at: number, seedLow: number, seedHigh: number): number {
  let v0 = seedLow;
  let v1 = seedHigh;
  let v2 = 0x6c796765 ^ seedLow;
  let v3 = 0x74656462 ^ seedHigh;
  for (let i = 0; i < 12; i++) {
    // Eight words of the key, then the length in the top byte of a last word, then three rounds to finish.
    const word = i < 8 ? words[at + i]! : i === 8 ? 32 << 24 : 0;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v2 = (v2 + v3) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v1) | 0;
    v0 = (v0 + v3) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (i === 8) v2 ^= 0xff;
  }
  return (v1 ^ v3) >>> 0;
}
