/**
 * ML-DSA-65 verification (FIPS 204, algorithms 3 and 8) in plain TypeScript, step by step as the standard writes it.
 */
import type { SignatureCheck, SignatureVerifier, VerifierOptions } from '../kernels.ts';
import { checkVerifierOptions, haveLengths } from '../mldsa-checks.ts';
import { RecentKeys } from '../recent-keys.ts';
import { addProduct, inverseNtt, N, ntt, Q, residue, unpack } from './mldsa-ring.ts';
import { Shake } from './shake.ts';

/** FIPS 204, table 1. */
const K = 6;
const L = 5;
const D = 13;
const TAU = 49;
const GAMMA1 = 2 ** 19;
const GAMMA2 = (Q - 1) / 32;
const BETA = 196;
const OMEGA = 55;
/** Parts of a signature (algorithm 26): c̃ of λ/4 bytes, z of 20 bits per coefficient, the hint. */
const CHALLENGE_BYTES = 48;
const Z_BYTES = 640;
const HINT_AT = CHALLENGE_BYTES + L * Z_BYTES;
/** r₁ takes (q − 1) / 2γ₂ values. */
const HIGH_VALUES = 16;

interface ExpandedKey {
  readonly publicKey: Uint8Array;
  /** Â by row and column, in the NTT domain. */
  readonly matrix: readonly (readonly Int32Array[])[];
  /** −NTT(t₁ · 2^d) by row. */
  readonly minusT: readonly Int32Array[];
  /** H(pk, 64). */
  readonly tr: Uint8Array;
}

export class TwinVerifier implements SignatureVerifier {
  readonly #keys: RecentKeys<ExpandedKey>;

  constructor(options: VerifierOptions) {
    checkVerifierOptions(options);
    this.#keys = new RecentKeys(options.maxKeys);
  }

  verify(publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean {
    if (!haveLengths(publicKey, context, signature)) return false;
    const hint = unpackHint(signature.subarray(HINT_AT));
    const z = Array.from({ length: L }, (_, s) => unpackZ(signature.subarray(CHALLENGE_BYTES + s * Z_BYTES)));
    if (hint === undefined || !z.every(isShort)) return false;
    const key = this.#expanded(publicKey);
    // M′: domain separator of the pure version, length of the context, context, message (algorithm 3).
    const mu = new Shake(256, key.tr, Uint8Array.of(0, context.length), context, message).read(64);
    const challenge = signature.subarray(0, CHALLENGE_BYTES);
    const c = ntt(sampleInBall(challenge));
    const zHat = z.map((polynomial) => ntt(polynomial.map(residue)));
    const encoded = key.matrix.map((row, r) => {
      const w = new Int32Array(N);
      for (let s = 0; s < L; s++) addProduct(w, row[s]!, zHat[s]!);
      addProduct(w, key.minusT[r]!, c);
      return encodeHigh(useHint(hint[r]!, inverseNtt(w)));
    });
    return new Shake(256, mu, ...encoded).read(CHALLENGE_BYTES).every((byte, i) => byte === challenge[i]);
  }

  verifyEach(checks: readonly SignatureCheck[]): boolean[] {
    return checks.map(({ publicKey, message, context, signature }) =>
      this.verify(publicKey, message, context, signature),
    );
  }

  #expanded(publicKey: Uint8Array): ExpandedKey {
    const known = this.#keys.find(publicKey);
    if (known?.publicKey.every((byte, i) => byte === publicKey[i])) return known;
    if (known === undefined) this.#keys.evict();
    const key = expand(Uint8Array.from(publicKey));
    this.#keys.add(publicKey, key);
    return key;
  }
}

/** What of pkDecode (algorithm 23), ExpandA (algorithm 32) and algorithm 8 depends on the key alone. */
function expand(publicKey: Uint8Array): ExpandedKey {
  const rho = publicKey.subarray(0, 32);
  const rows = Array.from({ length: K }, (_, r) => r);
  return {
    publicKey,
    matrix: rows.map((r) => Array.from({ length: L }, (_, s) => sampleUniform(rho, s, r))),
    minusT: rows.map((r) => ntt(unpack(publicKey.subarray(32 + r * 320), 10).map((t) => residue(-t * 2 ** D)))),
    tr: new Shake(256, publicKey).read(64),
  };
}

/** RejNTTPoly (algorithm 30) with CoeffFromThreeBytes (algorithm 14). */
export function sampleUniform(rho: Uint8Array, s: number, r: number): Int32Array {
  const stream = new Shake(128, rho, Uint8Array.of(s, r));
  const polynomial = new Int32Array(N);
  for (let j = 0; j < N; ) {
    const candidate = stream.next() | (stream.next() << 8) | ((stream.next() & 127) << 16);
    if (candidate < Q) polynomial[j++] = candidate;
  }
  return polynomial;
}

/** SampleInBall (algorithm 29). */
function sampleInBall(seed: Uint8Array): Int32Array {
  const stream = new Shake(256, seed);
  const signs = stream.read(8);
  const c = new Int32Array(N);
  for (let i = N - TAU; i < N; i++) {
    let j = stream.next();
    while (j > i) j = stream.next();
    c[i] = c[j]!;
    const sign = i + TAU - N;
    c[j] = (signs[sign >> 3]! >> (sign & 7)) & 1 ? Q - 1 : 1;
  }
  return c;
}

/** BitUnpack (algorithm 19) with a = γ₁ − 1 and b = γ₁: coefficients with their sign. */
function unpackZ(bytes: Uint8Array): Int32Array {
  return unpack(bytes, 20).map((field) => GAMMA1 - field);
}

/** ‖z‖∞ < γ₁ − β (algorithm 8). */
function isShort(z: Int32Array): boolean {
  return z.every((x) => Math.abs(x) < GAMMA1 - BETA);
}

/** HintBitUnpack (algorithm 21): a row of flags per polynomial, or undefined where it is no hint's only encoding. */
function unpackHint(y: Uint8Array): Uint8Array[] | undefined {
  const rows: Uint8Array[] = [];
  let index = 0;
  for (let i = 0; i < K; i++) {
    const row = new Uint8Array(N);
    const first = index;
    const end = y[OMEGA + i]!;
    if (end < index || end > OMEGA) return undefined;
    for (; index < end; index++) {
      if (index > first && y[index - 1]! >= y[index]!) return undefined;
      row[y[index]!] = 1;
    }
    rows.push(row);
  }
  for (; index < OMEGA; index++) if (y[index] !== 0) return undefined;
  return rows;
}

/** UseHint (algorithm 40) over Decompose (algorithm 36), on every coefficient. */
export function useHint(hint: Uint8Array, polynomial: Int32Array): Int32Array {
  return polynomial.map((r, j) => {
    let low = r % (2 * GAMMA2);
    if (low > GAMMA2) low -= 2 * GAMMA2;
    const wraps = r - low === Q - 1;
    const high = wraps ? 0 : (r - low) / (2 * GAMMA2);
    if (wraps) low--;
    if (hint[j] === 0) return high;
    return (high + (low > 0 ? 1 : HIGH_VALUES - 1)) % HIGH_VALUES;
  });
}

/** w1Encode (algorithm 28): 4 bits per coefficient. */
export function encodeHigh(polynomial: Int32Array): Uint8Array {
  return Uint8Array.from({ length: N / 2 }, (_, i) => polynomial[2 * i]! | (polynomial[2 * i + 1]! << 4));
}
