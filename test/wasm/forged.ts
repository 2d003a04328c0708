/**
 * Signatures made without a secret. With t₁ = 0 in the public key, whoever chooses z and a hint can compute the c̃ that
 * fits them: everything then holds but what is broken on purpose, so a missing check would accept.
 */

import { encodeHigh, sampleUniform, useHint } from '../../src/wasm/twin/mldsa.ts';
import { addProduct, inverseNtt, N, ntt, residue } from '../../src/wasm/twin/mldsa-ring.ts';
import { Shake } from '../../src/wasm/twin/shake.ts';

/** ML-DSA-65: FIPS 204, tables 1 and 2. */
export const GAMMA1 = 2 ** 19;
export const BETA = 196;
export const OMEGA = 55;
export const HINT_AT = 48 + 5 * 640;
const [K, L] = [6, 5];

export interface Forged {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly context: Uint8Array;
  readonly signature: Uint8Array;
}

/** A signature with this z (5 polynomials, −γ₁ < coefficient ≤ γ₁) and these rising places of ones per row (6, ≤ 55). */
export function forge(rho: Uint8Array, z: readonly Int32Array[], hints: readonly (readonly number[])[]): Forged {
  const publicKey = new Uint8Array(1952);
  publicKey.set(rho);
  const [message, context] = [rho.slice(0, 7), rho.slice(7, 9)];
  const signature = new Uint8Array(3309);
  for (const [s, polynomial] of z.entries()) packZ(polynomial, signature.subarray(48 + 640 * s));
  let index = HINT_AT;
  for (const [r, places] of hints.entries()) {
    signature.set(places, index);
    index += places.length;
    signature[HINT_AT + OMEGA + r] = index - HINT_AT;
  }
  const zHat = z.map((polynomial) => ntt(polynomial.map(residue)));
  const encoded = Array.from({ length: K }, (_, r) => {
    const w = new Int32Array(N);
    for (let s = 0; s < L; s++) addProduct(w, sampleUniform(rho, s, r), zHat[s]!);
    const flags = Uint8Array.from({ length: N }, (_, j) => Number(hints[r]!.includes(j)));
    return encodeHigh(useHint(flags, inverseNtt(w)));
  });
  const tr = new Shake(256, publicKey).read(64);
  const mu = new Shake(256, tr, Uint8Array.of(0, context.length), context, message).read(64);
  signature.set(new Shake(256, mu, ...encoded).read(48));
  return { publicKey, message, context, signature };
}

/** BitPack (algorithm 17) with γ₁: 20 bits per coefficient. */
function packZ(polynomial: Int32Array, to: Uint8Array): void {
  for (const [i, coefficient] of polynomial.entries()) {
    const field = GAMMA1 - coefficient;
    for (let bit = 0; bit < 20; bit++) {
      const at = 20 * i + bit;
      to[at >> 3]! |= ((field >> bit) & 1) << (at & 7);
    }
  }
}
