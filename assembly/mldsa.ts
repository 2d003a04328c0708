// ML-DSA-65 verification (FIPS 204, algorithm 8) with an expanded key. Only public data comes here, so nothing needs to
// take constant time. Every string of bytes gets an answer.
import { SLOT_TR } from './mldsa-key';
import { inverseNtt, ntt } from './mldsa-ntt';
import { GAMMA2, HASH_BYTES, K, L, POLYNOMIAL, Q, ROW } from './mldsa-parameters';
import { decodeZ, hintEnd, hintPlaces, isChallenge, isHintValid, sampleInBall } from './mldsa-signature';
import { RATE } from './sha3';
import { shakeAbsorb, shakeFinal, shakeInit } from './shake';

/** q⁻¹ mod 2³², for Montgomery reduction (algorithm 49). */
const Q_INVERSE: i32 = 58728449;
/** Bytes of a polynomial of w₁, 4 bits per coefficient (algorithm 28). */
const W1_POLYNOMIAL_BYTES: usize = 128;
/** r₁ is 0 … 15: (q − 1) / 2γ₂ values (algorithm 36). */
const HIGH_MASK: i32 = 15;

const CACHE_LINE: usize = 64;

const STATE = memory.data(200, 16);
const TOUCHED = memory.data(4, 4);
/** ẑ, then ĉ: what a row of a key is multiplied with. */
const FACTORS = memory.data(<i32>ROW, 16);
const W = memory.data(<i32>POLYNOMIAL, 16);
/** µ ‖ w₁ with room for the padding of H. */
const COMMITMENT = memory.data(<i32>(HASH_BYTES + K * W1_POLYNOMIAL_BYTES + RATE), 16);

/** Starts µ = H(tr ‖ M′): tr goes to the 64 bytes at `data`, behind which the host puts M′. */
export function mldsaStart(slot: usize, data: usize): void {
  memory.copy(data, slot + SLOT_TR, HASH_BYTES);
  shakeInit(STATE);
}

/** Takes `blocks` whole blocks of 136 bytes of tr ‖ M′ at `data`. */
export function mldsaAbsorb(data: usize, blocks: usize): void {
  shakeAbsorb(STATE, data, blocks);
}

/**
 * 1 when the signature that is in place is one of the key in `slot` over tr ‖ M′, whose last `length` bytes are at `data`
 * (followed by at least 136 bytes free to write), else 0.
 */
export function mldsaVerify(slot: usize, data: usize, length: usize): i32 {
  if (!isHintValid() || !decodeZ(FACTORS)) return 0;
  touch(slot);
  for (let s: usize = 0; s < L; s++) ntt(FACTORS + s * POLYNOMIAL);
  const c = FACTORS + L * POLYNOMIAL;
  sampleInBall(c);
  ntt(c);
  shakeFinal(STATE, data, length);
  memory.copy(COMMITMENT, STATE, HASH_BYTES);
  for (let r: usize = 0; r < K; r++) {
    multiplyRow(slot + r * ROW);
    inverseNtt(W);
    const to = COMMITMENT + HASH_BYTES + r * W1_POLYNOMIAL_BYTES;
    encodeHighBits(to);
    applyHint(r == 0 ? 0 : hintEnd(r - 1), hintEnd(r), to);
  }
  shakeInit(STATE);
  shakeFinal(STATE, COMMITMENT, HASH_BYTES + K * W1_POLYNOMIAL_BYTES);
  return <i32>isChallenge(STATE);
}

/**
 * Reads one word of every cache line of the rows of a key. With the keys of a large committee they lie in an outer cache: asked for
 * all at once, they are here in half the time that they take one after the other, as they are multiplied.
 */
function touch(slot: usize): void {
  let all: u32 = 0;
  for (let at = slot; at < slot + K * ROW; at += CACHE_LINE) all |= load<u32>(at);
  // Stored, or the compiler would read nothing.
  store<u32>(TOUCHED, all);
}

/**
 * W = (Σ Â·ẑ − t̂·ĉ) / 2³² of one row, below 0.9q in absolute value: |Â| < q, |ẑ| < 10.1q, |t̂| < 11q and |ĉ| < 10.1q
 * (see `ntt`), so the sum is below 162q² < 2³¹q, which a Montgomery reduction takes to 162q² / 2³² + q/2.
 */
function multiplyRow(row: usize): void {
  if (ASC_FEATURE_SIMD) {
    const q = i32x4.splat(Q);
    for (let i: usize = 0; i < POLYNOMIAL; i += 16) {
      let low = i64x2.splat(0);
      let high = i64x2.splat(0);
      for (let s: usize = 0; s < ROW; s += POLYNOMIAL) {
        const a = v128.load(row + i + s);
        const b = v128.load(FACTORS + i + s);
        low = i64x2.add(low, i64x2.extmul_low_i32x4_s(a, b));
        high = i64x2.add(high, i64x2.extmul_high_i32x4_s(a, b));
      }
      const m = i32x4.mul(v128.shuffle<i32>(low, high, 0, 2, 4, 6), i32x4.splat(Q_INVERSE));
      low = i64x2.sub(low, i64x2.extmul_low_i32x4_s(m, q));
      high = i64x2.sub(high, i64x2.extmul_high_i32x4_s(m, q));
      v128.store(W + i, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
    }
  } else {
    for (let i: usize = 0; i < POLYNOMIAL; i += 4) {
      let sum: i64 = 0;
      for (let s: usize = 0; s < ROW; s += POLYNOMIAL) {
        sum += <i64>load<i32>(row + i + s) * <i64>load<i32>(FACTORS + i + s);
      }
      const m = <i32>sum * Q_INVERSE;
      store<i32>(W + i, <i32>((sum - <i64>m * <i64>Q) >> 32));
    }
  }
}

/**
 * r₁ of Decompose (algorithm 36) before q − 1 wraps to 0, so 0 … 16: ⌊(r + γ₂ − 1) / 2γ₂⌋. 2γ₂ is 2⁹ · 1023, and
 * ⌊y / 1023⌋ is ⌊(y + 1) · 1025 / 2²⁰⌋ for every y that occurs.
 */
@inline
function highBits(r: i32): i32 {
  return (((r + GAMMA2 - 1) >> 9) + 1) * 1025 >> 20;
}

/** HighBits of every coefficient of W, two to a byte, to `to` (algorithm 28). */
function encodeHighBits(to: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let p = W; p < W + POLYNOMIAL; p += 64) {
      const low = i16x8.narrow_i32x4_s(highBitsFours(p), highBitsFours(p + 16));
      const high = i16x8.narrow_i32x4_s(highBitsFours(p + 32), highBitsFours(p + 48));
      const bytes = v128.and(i8x16.narrow_i16x8_u(low, high), i8x16.splat(<i8>HIGH_MASK));
      const pairs = v128.and(v128.or(bytes, i16x8.shr_u(bytes, 4)), i16x8.splat(0xff));
      v128.store64_lane(to, i8x16.narrow_i16x8_u(pairs, pairs), 0);
      to += 8;
    }
  } else {
    for (let p = W; p < W + POLYNOMIAL; p += 8) {
      const low = highBits(load<i32>(p)) & HIGH_MASK;
      store<u8>(to++, low | ((highBits(load<i32>(p, 4)) & HIGH_MASK) << 4));
    }
  }
}

@inline
function highBitsFours(p: usize): v128 {
  const y = i32x4.shr_s(i32x4.add(v128.load(p), i32x4.splat(GAMMA2 - 1)), 9);
  return i32x4.shr_s(i32x4.mul(i32x4.add(y, i32x4.splat(1)), i32x4.splat(1025)), 20);
}

/**
 * UseHint (algorithm 40) where the hint is 1, its places from number `from` to `end`: corrects what is encoded at `to`.
 * r₀ > 0 means r above the multiple of 2γ₂ that r₁ stands for, also where that one wraps: r₀ is negative there.
 */
function applyHint(from: usize, end: usize, to: usize): void {
  for (; from < end; from++) {
    const place = <usize>load<u8>(hintPlaces() + from);
    const r = load<i32>(W + (place << 2));
    const unhinted = highBits(r);
    const hinted = (r > unhinted * 2 * GAMMA2 ? unhinted + 1 : unhinted - 1) & HIGH_MASK;
    const at = to + (place >> 1);
    const shift = (place & 1) << 2;
    store<u8>(at, (load<u8>(at) & ~(HIGH_MASK << <i32>shift)) | (hinted << <i32>shift));
  }
}
