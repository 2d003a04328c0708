/** Polynomials of ML-DSA (FIPS 204 §2.3, §7.5): 256 coefficients mod q in an Int32Array, each 0 … q − 1. */

export const Q = 8380417;
export const N = 256;
/** A root of X²⁵⁶ + 1 (FIPS 204, table 1). */
const ZETA = 1753;
/** 256⁻¹ mod q (algorithm 42). */
const SCALE = 8347681;

/** Entry k is ζ^BitRev₈(k) mod q (FIPS 204, appendix B). */
const ZETAS = zetaPowers();

function zetaPowers(): Int32Array {
  const inOrder = new Int32Array(N);
  for (let i = 0, power = 1; i < N; i++, power = times(power, ZETA)) inOrder[i] = power;
  return Int32Array.from({ length: N }, (_, k) => {
    let reversed = 0;
    for (let bit = 0; bit < 8; bit++) reversed |= ((k >> bit) & 1) << (7 - bit);
    return inOrder[reversed]!;
  });
}

/** a · b mod q of two residues: below 2⁴⁶, so a double holds the product. */
export function times(a: number, b: number): number {
  return (a * b) % Q;
}

/** The residue of a number between −q and q. */
export function residue(x: number): number {
  return x < 0 ? x + Q : x;
}

function plus(a: number, b: number): number {
  return residue(a + b - Q);
}

/** NTT (algorithm 41), in place. */
export function ntt(w: Int32Array): Int32Array {
  let m = 0;
  for (let length = 128; length >= 1; length >>= 1) {
    for (let start = 0; start < N; start += 2 * length) {
      const zeta = ZETAS[++m]!;
      for (let j = start; j < start + length; j++) {
        const t = times(zeta, w[j + length]!);
        w[j + length] = residue(w[j]! - t);
        w[j] = plus(w[j]!, t);
      }
    }
  }
  return w;
}

/** NTT⁻¹ (algorithm 42), in place. */
export function inverseNtt(w: Int32Array): Int32Array {
  let m = N;
  for (let length = 1; length < N; length <<= 1) {
    for (let start = 0; start < N; start += 2 * length) {
      const zeta = Q - ZETAS[--m]!;
      for (let j = start; j < start + length; j++) {
        const t = w[j]!;
        w[j] = plus(t, w[j + length]!);
        w[j + length] = times(zeta, residue(t - w[j + length]!));
      }
    }
  }
  for (let j = 0; j < N; j++) w[j] = times(SCALE, w[j]!);
  return w;
}

/** Adds a ∘ b (algorithm 45) to `sum`. */
export function addProduct(sum: Int32Array, a: Int32Array, b: Int32Array): void {
  for (let j = 0; j < N; j++) sum[j] = plus(sum[j]!, times(a[j]!, b[j]!));
}

/** Unpacks 256 little-endian fields of `bits` bits (algorithms 18 and 19 before any subtraction). */
export function unpack(bytes: Uint8Array, bits: number): Int32Array {
  const fields = new Int32Array(N);
  for (let i = 0; i < N * bits; i++) {
    const bit = (bytes[i >> 3]! >> (i & 7)) & 1;
    fields[Math.floor(i / bits)]! |= bit << (i % bits);
  }
  return fields;
}
