// The parts of an ML-DSA-65 signature: decoding and checking them, and the challenge that its first bytes stand for.
import { keccakF } from './keccak';
import {
  BETA, CHALLENGE_BYTES, GAMMA1, HINT_AT, K, L, N, OMEGA, POLYNOMIAL, SIGNATURE_BYTES, TAU, Z_POLYNOMIAL_BYTES,
} from './mldsa-parameters';
import { RATE } from './sha3';
import { shakeFinal, shakeInit } from './shake';

/** c̃, z, hint (algorithm 26). The host sets it. */
const SIGNATURE = memory.data(<i32>SIGNATURE_BYTES, 16);
const STATE = memory.data(200, 16);
/** c̃ with room for the padding of H. */
const SEED = memory.data(<i32>(CHALLENGE_BYTES + RATE), 16);

const Z_MASK: i32 = (1 << 20) - 1;

export function mldsaSignatureAddress(): usize {
  return SIGNATURE;
}

/** Where the places of the hint's ones are; those of polynomial i end at {@link hintEnd}. */
@inline
export function hintPlaces(): usize {
  return SIGNATURE + HINT_AT;
}

@inline
export function hintEnd(i: usize): usize {
  return <usize>load<u8>(SIGNATURE + HINT_AT + OMEGA + i);
}

/**
 * What HintBitUnpack (algorithm 21) refuses: ends that fall or exceed ω, places of one polynomial that do not rise, and
 * bytes other than 0 behind the last place. Without these checks one signature would have many encodings.
 */
export function isHintValid(): bool {
  const places = hintPlaces();
  let index: usize = 0;
  for (let i: usize = 0; i < K; i++) {
    const end = hintEnd(i);
    if (end < index || end > OMEGA) return false;
    for (let first = index; index < end; index++) {
      if (index > first && load<u8>(places + index - 1) >= load<u8>(places + index)) return false;
    }
  }
  for (; index < OMEGA; index++) if (load<u8>(places + index) != 0) return false;
  return true;
}

/** Decodes z (algorithm 19 with γ₁: 20 bits each) to L polynomials at `to`. False unless ‖z‖∞ < γ₁ − β (algorithm 8). */
export function decodeZ(to: usize): bool {
  if (ASC_FEATURE_SIMD) return decodeZFours(to);
  let from = SIGNATURE + CHALLENGE_BYTES;
  let largest: i32 = 0;
  for (let end = to + L * POLYNOMIAL; to < end; to += 8) {
    // Five bytes hold two; what follows z in the signature makes the last load fit.
    const bits = load<u64>(from);
    const a = GAMMA1 - (<i32>bits & Z_MASK);
    const b = GAMMA1 - (<i32>(bits >> 20) & Z_MASK);
    store<i32>(to, a);
    store<i32>(to, b, 4);
    largest = max(largest, max(abs(a), abs(b)));
    from += 5;
  }
  return largest < GAMMA1 - BETA;
}

function decodeZFours(to: usize): bool {
  let from = SIGNATURE + CHALLENGE_BYTES;
  let largest = i32x4.splat(0);
  const even = i32x4(-1, 0, -1, 0);
  for (let end = to + L * POLYNOMIAL; to < end; to += 16) {
    // Ten bytes hold four: each lane gets the three bytes of its own; odd ones begin in the middle of a byte.
    const bytes = v128.load(from);
    const lanes = v128.shuffle<u8>(bytes, bytes, 0, 1, 2, 2, 2, 3, 4, 4, 5, 6, 7, 7, 7, 8, 9, 9);
    const bits = v128.and(v128.bitselect(lanes, i32x4.shr_u(lanes, 4), even), i32x4.splat(Z_MASK));
    const z = i32x4.sub(i32x4.splat(GAMMA1), bits);
    v128.store(to, z);
    largest = i32x4.max_s(largest, i32x4.abs(z));
    from += 10;
  }
  return i32x4.all_true(i32x4.lt_s(largest, i32x4.splat(GAMMA1 - BETA)));
}

/** SampleInBall (algorithm 29) from c̃: the polynomial c at `to`, with τ coefficients ±1. */
export function sampleInBall(to: usize): void {
  memory.copy(SEED, SIGNATURE, CHALLENGE_BYTES);
  shakeInit(STATE);
  shakeFinal(STATE, SEED, CHALLENGE_BYTES);
  memory.fill(to, 0, POLYNOMIAL);
  let signs = load<u64>(STATE);
  let at: usize = 8;
  for (let i = N - TAU; i < N; i++) {
    let j: i32 = 0;
    do {
      if (at == RATE) {
        keccakF(STATE);
        at = 0;
      }
      j = <i32>load<u8>(STATE + at++);
    } while (j > i);
    store<i32>(to + (<usize>i << 2), load<i32>(to + (<usize>j << 2)));
    store<i32>(to + (<usize>j << 2), 1 - 2 * <i32>(signs & 1));
    signs >>= 1;
  }
}

/** True when the first bytes of the signature are those at `challenge`. */
export function isChallenge(challenge: usize): bool {
  let difference: u64 = 0;
  for (let i: usize = 0; i < CHALLENGE_BYTES; i += 8) difference |= load<u64>(SIGNATURE + i) ^ load<u64>(challenge + i);
  return difference == 0;
}
