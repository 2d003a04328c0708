// A gradient as it travels: blocks of 32 numbers, each number an i8 times a power of two that the block shares, as in MXINT8
// of the OCP Microscaling Formats specification 1.0, but with an i8 for the exponent and none that says NaN. One byte per
// block, then one per number. Products by powers of two are exact, so nothing but the rounding to i8 loses anything, and no
// bytes say a number that is not finite.
//
// Every gradient has one code: the exponent of a block is the least one with which its numbers fit ±127.
import { paddedBytes, resultAddress, vectorAddress } from './aggregate';

const BLOCK: usize = 32;
const GREATEST: i32 = 127;
/** Of exponents: the greatest keeps 127 · 2^e below LIMIT of aggregate.ts, the least leaves room for every block of note. */
const MAX_EXPONENT: i32 = 33;
const MIN_EXPONENT: i32 = -64;
/** A refusal, known to src/wasm/aggregator.ts. */
const BAD: i32 = -3;

/** 2^e as f32, e from −126 to 127. */
@inline
function powerOfTwo(e: i32): f32 {
  return reinterpret<f32>((e + 127) << 23);
}

/**
 * Encodes vector 0: exponents of the `blocks` to `exponents`, the numbers to `codes`, where there is room for whole blocks.
 * 0, or BAD if a number is not finite or too great.
 */
export function gradientEncode(blocks: u32, exponents: usize, codes: usize): i32 {
  let at = vectorAddress(0);
  const end = at + paddedBytes();
  for (let i: u32 = 0; i < blocks; i++) {
    // The padding of a vector may end in the middle of a block.
    const blockEnd = min(at + 4 * BLOCK, end);
    const e = exponentOf(at, blockEnd);
    if (e > MAX_EXPONENT) return BAD;
    store<i8>(exponents + <usize>i, <i8>e);
    encodeBlock(at, blockEnd, powerOfTwo(-e), codes);
    at = blockEnd;
    codes += BLOCK;
  }
  return 0;
}

/** The exponent of a block; greater than MAX_EXPONENT if a number is not finite. */
@inline
function exponentOf(at: usize, end: usize): i32 {
  // As bits, the absolute values of numbers are in order, and what is not finite is above all that is.
  let greatest: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    const magnitude = i32x4.splat(0x7fffffff);
    let four = i32x4.splat(0);
    for (; at < end; at += 16) four = i32x4.max_u(four, v128.and(magnitude, v128.load(at)));
    four = i32x4.max_u(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1));
    four = i32x4.max_u(four, v128.shuffle<i32>(four, four, 1, 0, 3, 2));
    greatest = <u32>i32x4.extract_lane(four, 0);
  } else {
    for (; at < end; at += 4) greatest = max(greatest, load<u32>(at) & 0x7fffffff);
  }
  // With e = exponent − 6 the greatest is 64 … 128 times 2^e. It is above 127 if the fraction is above 63/64, 0x7e0000 as bits.
  const e = <i32>(greatest >> 23) - 127 - 6;
  return max(MIN_EXPONENT, e + ((greatest & 0x7fffff) > 0x7e0000 ? 1 : 0));
}

/** Rounds to the nearest code, to the even one of two as near. */
@inline
function encodeBlock(at: usize, end: usize, factor: f32, out: usize): void {
  if (ASC_FEATURE_SIMD) {
    const factors = f32x4.splat(factor);
    for (; at < end; at += 64) {
      const low = i16x8.narrow_i32x4_s(rounded(at, factors), rounded(at + 16, factors));
      const high = i16x8.narrow_i32x4_s(rounded(at + 32, factors), rounded(at + 48, factors));
      v128.store(out, i8x16.narrow_i16x8_s(low, high));
      out += 16;
    }
  } else {
    for (; at < end; at += 4) store<i8>(out++, <i8>(<i32>nearest(load<f32>(at) * factor)));
  }
}

@inline
function rounded(at: usize, factors: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), factors)));
}

/**
 * Decodes to the result vector; the codes are followed by zeros up to a whole block. 0, or BAD if it is not what
 * gradientEncode makes.
 */
export function gradientDecode(blocks: u32, exponents: usize, codes: usize): i32 {
  let out = resultAddress();
  const end = out + paddedBytes();
  for (let i: u32 = 0; i < blocks; i++) {
    const e = <i32>load<i8>(exponents + <usize>i);
    if (e < MIN_EXPONENT || e > MAX_EXPONENT) return BAD;
    const greatest = greatestOf(codes);
    // With a code of −128 the block would have the next exponent; without one from 64 on, the one before.
    if (greatest > GREATEST || (greatest <= GREATEST / 2 && e > MIN_EXPONENT)) return BAD;
    const blockEnd = min(out + 4 * BLOCK, end);
    decodeBlock(codes, powerOfTwo(e), out, blockEnd);
    out = blockEnd;
    codes += BLOCK;
  }
  return 0;
}

@inline
function greatestOf(codes: usize): i32 {
  let greatest: i32 = 0;
  for (let i: usize = 0; i < BLOCK; i++) greatest = max(greatest, abs(<i32>load<i8>(codes + i)));
  return greatest;
}

@inline
function decodeBlock(codes: usize, factor: f32, out: usize, end: usize): void {
  if (ASC_FEATURE_SIMD) {
    const factors = f32x4.splat(factor);
    for (; out < end; out += 32) {
      const eight = v128.load_ext<i8>(codes);
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(eight));
      const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(eight));
      v128.store(out, f32x4.mul(low, factors));
      v128.store(out, f32x4.mul(high, factors), 16);
      codes += 8;
    }
  } else {
    for (; out < end; out += 4) store<f32>(out, <f32>load<i8>(codes++) * factor);
  }
}
