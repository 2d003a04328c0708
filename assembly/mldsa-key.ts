// Expanded public keys of ML-DSA-65: everything of a key that verification needs again for every signature.
import { alloc } from './arena';
import { keccakF } from './keccak';
import { keccakF2 } from './keccak-pair';
import { D, HASH_BYTES, K, L, POLYNOMIAL, PUBLIC_KEY_BYTES, Q, ROW } from './mldsa-parameters';
import { ntt } from './mldsa-ntt';
import { SHAKE_SUFFIX, shakeFinal, shakeInit } from './shake';

// A slot: K rows, then tr, then the public key itself, then whether there is one.
export const SLOT_TR: usize = K * ROW;
const SLOT_KEY: usize = SLOT_TR + HASH_BYTES;
const SLOT_FULL: usize = SLOT_KEY + PUBLIC_KEY_BYTES;
const SLOT_BYTES: usize = SLOT_FULL + 4;

/** ρ of 32 bytes, then t₁ with 10 bits per coefficient (algorithm 22). The host sets it. Room for the padding of H. */
const PUBLIC_KEY = memory.data(<i32>(PUBLIC_KEY_BYTES + 136), 16);
const T1_AT: usize = 32;
const T1_POLYNOMIAL_BYTES: usize = 320;
/** Rate of SHAKE128, the G of FIPS 204 §3.7: 1600 − 2 · 128 bits. */
const RATE: usize = 168;
/** A seed is 34 bytes, so its suffix is in lane 4; the last bit of the padding ends lane 20. */
const SEED_SUFFIX: u64 = <u64>SHAKE_SUFFIX << 16;
const LAST_BIT: u64 = 0x8000000000000000;

const ONE = memory.data(200, 16);
const PAIR = memory.data(400, 16);
/** One block of output, and what a vector load may read behind it. */
const BLOCK = memory.data(<i32>(RATE + 8), 16);

export function mldsaKeyAddress(): usize {
  return PUBLIC_KEY;
}

/** Memory for `bytes` of messages with their padding, or 0 when there is none. */
export function mldsaMessage(bytes: u32): usize {
  return alloc(bytes);
}

/** Memory for one more expanded key, which holds none yet, or 0 when there is none. */
export function mldsaSlot(): usize {
  return alloc(SLOT_BYTES);
}

/** 1 when `slot` holds the expansion of the key that is in place. */
export function mldsaHolds(slot: usize): i32 {
  const known = slot + SLOT_KEY;
  if (load<u32>(slot + SLOT_FULL) == 0) return 0;
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < PUBLIC_KEY_BYTES; i += 16) {
      if (v128.any_true(v128.xor(v128.load(known + i), v128.load(PUBLIC_KEY + i)))) return 0;
    }
  } else {
    for (let i: usize = 0; i < PUBLIC_KEY_BYTES; i += 8) {
      if (load<u64>(known + i) != load<u64>(PUBLIC_KEY + i)) return 0;
    }
  }
  return 1;
}

/** Expands the key that is in place to `slot`. Every string of 1952 bytes is a key (algorithm 23). */
export function mldsaExpand(slot: usize): void {
  expandA(slot);
  for (let r: usize = 0; r < K; r++) {
    const t = slot + r * ROW + L * POLYNOMIAL;
    decodeT1(PUBLIC_KEY + T1_AT + r * T1_POLYNOMIAL_BYTES, t);
    ntt(t);
  }
  memory.copy(slot + SLOT_KEY, PUBLIC_KEY, PUBLIC_KEY_BYTES);
  shakeInit(ONE);
  shakeFinal(ONE, PUBLIC_KEY, PUBLIC_KEY_BYTES);
  memory.copy(slot + SLOT_TR, ONE, HASH_BYTES);
  store<u32>(slot + SLOT_FULL, 1);
}

/** −t₁ · 2^d from its encoding (algorithm 18 with 10 bits): four coefficients in five bytes. */
function decodeT1(from: usize, to: usize): void {
  for (let end = to + POLYNOMIAL; to < end; to += 16) {
    const bits = <u64>load<u32>(from) | (<u64>load<u8>(from, 4) << 32);
    store<i32>(to, -(<i32>(bits & 1023) << D));
    store<i32>(to, -(<i32>((bits >> 10) & 1023) << D), 4);
    store<i32>(to, -(<i32>((bits >> 20) & 1023) << D), 8);
    store<i32>(to, -(<i32>((bits >> 30) & 1023) << D), 12);
    from += 5;
  }
}

/** ExpandA (algorithm 32): entry (r, s) is sampled from ρ ‖ s ‖ r. */
function expandA(slot: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let entry: usize = 0; entry < K * L; entry += 2) samplePair(slot, entry);
  } else {
    for (let entry: usize = 0; entry < K * L; entry++) sample(entryOf(slot, entry), seedEnd(entry));
  }
}

@inline
function entryOf(slot: usize, entry: usize): usize {
  return slot + (entry / L) * ROW + (entry % L) * POLYNOMIAL;
}

/** Lane 4 of a state: s, r, then the suffix. */
@inline
function seedEnd(entry: usize): u64 {
  return <u64>(entry % L) | (<u64>(entry / L) << 8) | SEED_SUFFIX;
}

/** RejNTTPoly (algorithm 30). */
function sample(to: usize, end: u64): void {
  shakeInit(ONE);
  for (let i: usize = 0; i < 32; i += 8) store<u64>(ONE + i, load<u64>(PUBLIC_KEY + i));
  store<u64>(ONE, end, 32);
  store<u64>(ONE, LAST_BIT, 160);
  const full = to + POLYNOMIAL;
  while (to < full) {
    keccakF(ONE);
    for (let i: usize = 0; i < RATE; i += 8) store<u64>(BLOCK + i, load<u64>(ONE + i));
    to = rejectEach(BLOCK, BLOCK + RATE, to, full);
  }
}

/** RejNTTPoly for the entries number `entry` and `entry + 1`, side by side. */
function samplePair(slot: usize, entry: usize): void {
  for (let i: usize = 0; i < 400; i += 16) v128.store(PAIR + i, i64x2.splat(0));
  for (let i: usize = 0; i < 32; i += 8) v128.store(PAIR + 2 * i, v128.load64_splat(PUBLIC_KEY + i));
  store<u64>(PAIR, seedEnd(entry), 64);
  store<u64>(PAIR, seedEnd(entry + 1), 72);
  v128.store(PAIR, i64x2.splat(LAST_BIT), 320);
  let to0 = entryOf(slot, entry);
  let to1 = entryOf(slot, entry + 1);
  const full0 = to0 + POLYNOMIAL;
  const full1 = to1 + POLYNOMIAL;
  while (to0 < full0 || to1 < full1) {
    keccakF2(PAIR);
    to0 = takeHalf(PAIR, to0, full0);
    to1 = takeHalf(PAIR + 8, to1, full1);
  }
}

@inline
function takeHalf(half: usize, to: usize, full: usize): usize {
  for (let i: usize = 0; i < RATE; i += 8) store<u64>(BLOCK + i, load<u64>(half + 2 * i));
  return rejectFours(to, full);
}

/** As {@link rejectEach} on the whole block, four candidates at a time while all four are below q: nearly always. */
function rejectFours(to: usize, full: usize): usize {
  let from = BLOCK;
  for (; from < BLOCK + RATE && to + 16 <= full; from += 12) {
    const bytes = v128.load(from);
    const threes = v128.shuffle<u8>(bytes, bytes, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
    const candidates = v128.and(threes, i32x4.splat(0x7fffff));
    v128.store(to, candidates);
    if (i32x4.all_true(i32x4.lt_s(candidates, i32x4.splat(Q)))) to += 16;
    else to = rejectEach(from, from + 12, to, full);
  }
  return rejectEach(from, BLOCK + RATE, to, full);
}

/** CoeffFromThreeBytes (algorithm 14) on bytes until `end` or the polynomial is full; returns where to go on. */
function rejectEach(from: usize, end: usize, to: usize, full: usize): usize {
  for (; from < end && to < full; from += 3) {
    const candidate = <i32>(load<u32>(from) & 0x7fffff);
    store<i32>(to, candidate);
    to += <usize>(candidate < Q) << 2;
  }
  return to;
}
