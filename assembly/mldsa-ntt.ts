// The number-theoretic transform of ML-DSA (FIPS 204 §7.5) and its inverse, in place on 256 coefficients i32.
//
// Multiplying by a constant z takes no division: with z′ = ⌊z · 2³² / q⌉ the result x·z − ⌊x·z′ / 2³²⌋·q is x·z mod q and
// between −q/4 and 5q/4 for every i32 x. Sums are not reduced: the bounds at each function say why they fit.
import { POLYNOMIAL, Q } from './mldsa-parameters';
import { INVERSES, SCALES, ZETAS } from './mldsa-zetas';

/** From a factor to its quotient, in bytes: in the tables of 256 and in SCALES. */
const QUOTIENTS: usize = 1024;
const SCALE_QUOTIENTS: usize = 8;

/** NTT (algorithm 41). Coefficients grow by at most 10q in absolute value: 8 layers that add 5q/4. */
export function ntt(polynomial: usize): void {
  if (ASC_FEATURE_SIMD) {
    forwardTwoLayers(polynomial, 1, 256);
    forwardTwoLayers(polynomial, 4, 64);
    forwardTwoLayers(polynomial, 16, 16);
    forwardLastLayers(polynomial);
  } else {
    forwardScalar(polynomial);
  }
}

/**
 * NTT⁻¹ (algorithm 42) times 2³², to 0 … q − 1. Coefficients below 0.9q in absolute value fit: each of the 8 layers
 * doubles the bound at most, to 230q < 2³¹.
 */
export function inverseNtt(polynomial: usize): void {
  if (ASC_FEATURE_SIMD) {
    inverseFirstLayers(polynomial);
    inverseTwoLayers(polynomial, 16, 16);
    inverseTwoLayers(polynomial, 4, 64);
    inverseLastLayers(polynomial);
  } else {
    inverseScalar(polynomial);
  }
}

// Four coefficients at once.

@inline
function times(x: v128, factor: v128, quotient: v128): v128 {
  const low = i64x2.extmul_low_i32x4_s(x, quotient);
  const high = i64x2.extmul_high_i32x4_s(x, quotient);
  const multiple = v128.shuffle<i32>(low, high, 1, 3, 5, 7);
  return i32x4.sub(i32x4.mul(x, factor), i32x4.mul(multiple, i32x4.splat(Q)));
}

/** From between −q and 2q to 0 … q − 1: as unsigned numbers, the right one of each two is the smaller one. */
@inline
function canonical(x: v128): v128 {
  const positive = i32x4.min_u(x, i32x4.add(x, i32x4.splat(Q)));
  return i32x4.min_u(positive, i32x4.sub(positive, i32x4.splat(Q)));
}

/** Lanes 0 and 2 of both, interleaved. As a swap and a blend: one shuffle of this shape is three instructions on x86. */
@inline
function lowerHalves(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, v128.shuffle<i32>(b, b, 1, 0, 3, 2), 0, 5, 2, 7);
}

/** Lanes 1 and 3 of both, interleaved. */
@inline
function upperHalves(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(v128.shuffle<i32>(a, a, 1, 0, 3, 2), b, 0, 5, 2, 7);
}

/** The layers of `4 · stride` and `2 · stride` bytes between partners in one pass; `k`: first factor of the first. */
@inline
function forwardTwoLayers(polynomial: usize, k: usize, stride: usize): void {
  for (let block = polynomial; block < polynomial + POLYNOMIAL; block += 4 * stride) {
    const at = ZETAS + (k << 2);
    const at2 = ZETAS + (k << 3);
    const z = v128.load32_splat(at);
    const zQuotient = v128.load32_splat(at, QUOTIENTS);
    const left = v128.load32_splat(at2);
    const leftQuotient = v128.load32_splat(at2, QUOTIENTS);
    const right = v128.load32_splat(at2, 4);
    const rightQuotient = v128.load32_splat(at2, QUOTIENTS + 4);
    for (let p = block; p < block + stride; p += 16) {
      const a = v128.load(p);
      const b = v128.load(p + stride);
      const cz = times(v128.load(p + 2 * stride), z, zQuotient);
      const dz = times(v128.load(p + 3 * stride), z, zQuotient);
      const a1 = i32x4.add(a, cz);
      const c1 = i32x4.sub(a, cz);
      const b1 = times(i32x4.add(b, dz), left, leftQuotient);
      const d1 = times(i32x4.sub(b, dz), right, rightQuotient);
      v128.store(p, i32x4.add(a1, b1));
      v128.store(p + stride, i32x4.sub(a1, b1));
      v128.store(p + 2 * stride, i32x4.add(c1, d1));
      v128.store(p + 3 * stride, i32x4.sub(c1, d1));
    }
    k++;
  }
}

/** The layers of partners 2 and 1 apart, 8 coefficients at a time: lanes are moved so that partners face each other. */
@inline
function forwardLastLayers(polynomial: usize): void {
  let at2 = ZETAS + 4 * 64;
  let at1 = ZETAS + 4 * 128;
  for (let p = polynomial; p < polynomial + POLYNOMIAL; p += 32) {
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const low = v128.shuffle<i64>(a, b, 0, 2);
    const z = v128.load64_splat(at2);
    const zQuotient = v128.load64_splat(at2, QUOTIENTS);
    const product = times(
      v128.shuffle<i64>(a, b, 1, 3),
      v128.shuffle<i32>(z, z, 0, 0, 1, 1),
      v128.shuffle<i32>(zQuotient, zQuotient, 0, 0, 1, 1),
    );
    const sum = i32x4.add(low, product);
    const difference = i32x4.sub(low, product);
    // Blocks 0 and 2 of the next layer lie in `sum`, 1 and 3 in `difference`.
    const even = lowerHalves(sum, difference);
    const odd = upperHalves(sum, difference);
    const t = times(odd, v128.load(at1), v128.load(at1, QUOTIENTS));
    const first = i32x4.add(even, t);
    const second = i32x4.sub(even, t);
    v128.store(p, v128.shuffle<i32>(first, second, 0, 4, 1, 5));
    v128.store(p, v128.shuffle<i32>(first, second, 2, 6, 3, 7), 16);
    at2 += 8;
    at1 += 16;
  }
}

/** The layers of partners 1 and 2 apart. */
@inline
function inverseFirstLayers(polynomial: usize): void {
  let at2 = INVERSES + 4 * 64;
  let at1 = INVERSES + 4 * 128;
  for (let p = polynomial; p < polynomial + POLYNOMIAL; p += 32) {
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const even = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
    const odd = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
    const first = i32x4.add(even, odd);
    const second = times(i32x4.sub(even, odd), v128.load(at1), v128.load(at1, QUOTIENTS));
    // Lane i of both is block i of the layer before; blocks 0 and 2 hold the partners of blocks 1 and 3.
    const low = lowerHalves(first, second);
    const high = upperHalves(first, second);
    const z = v128.load64_splat(at2);
    const zQuotient = v128.load64_splat(at2, QUOTIENTS);
    const sum = i32x4.add(low, high);
    const product = times(
      i32x4.sub(low, high),
      v128.shuffle<i32>(z, z, 0, 0, 1, 1),
      v128.shuffle<i32>(zQuotient, zQuotient, 0, 0, 1, 1),
    );
    v128.store(p, v128.shuffle<i64>(sum, product, 0, 2));
    v128.store(p, v128.shuffle<i64>(sum, product, 1, 3), 16);
    at2 += 8;
    at1 += 16;
  }
}

/** The layers of `stride` and `2 · stride` bytes between partners; `k`: first factor of the second. */
@inline
function inverseTwoLayers(polynomial: usize, k: usize, stride: usize): void {
  for (let block = polynomial; block < polynomial + POLYNOMIAL; block += 4 * stride) {
    const at = INVERSES + (k << 2);
    const at2 = INVERSES + (k << 3);
    const z = v128.load32_splat(at);
    const zQuotient = v128.load32_splat(at, QUOTIENTS);
    const left = v128.load32_splat(at2);
    const leftQuotient = v128.load32_splat(at2, QUOTIENTS);
    const right = v128.load32_splat(at2, 4);
    const rightQuotient = v128.load32_splat(at2, QUOTIENTS + 4);
    for (let p = block; p < block + stride; p += 16) {
      const a = v128.load(p);
      const b = v128.load(p + stride);
      const c = v128.load(p + 2 * stride);
      const d = v128.load(p + 3 * stride);
      const a1 = i32x4.add(a, b);
      const b1 = times(i32x4.sub(a, b), left, leftQuotient);
      const c1 = i32x4.add(c, d);
      const d1 = times(i32x4.sub(c, d), right, rightQuotient);
      v128.store(p, i32x4.add(a1, c1));
      v128.store(p + stride, i32x4.add(b1, d1));
      v128.store(p + 2 * stride, times(i32x4.sub(a1, c1), z, zQuotient));
      v128.store(p + 3 * stride, times(i32x4.sub(b1, d1), z, zQuotient));
    }
    k++;
  }
}

/** The layers of partners 64 and 128 apart, and the scale, which the products of the last layer have in their factor. */
@inline
function inverseLastLayers(polynomial: usize): void {
  const left = v128.load32_splat(INVERSES, 8);
  const leftQuotient = v128.load32_splat(INVERSES, QUOTIENTS + 8);
  const right = v128.load32_splat(INVERSES, 12);
  const rightQuotient = v128.load32_splat(INVERSES, QUOTIENTS + 12);
  const scale = v128.load32_splat(SCALES);
  const scaleQuotient = v128.load32_splat(SCALES, SCALE_QUOTIENTS);
  const scaled = v128.load32_splat(SCALES, 4);
  const scaledQuotient = v128.load32_splat(SCALES, SCALE_QUOTIENTS + 4);
  for (let p = polynomial; p < polynomial + 256; p += 16) {
    const a = v128.load(p);
    const b = v128.load(p, 256);
    const c = v128.load(p, 512);
    const d = v128.load(p, 768);
    const a1 = i32x4.add(a, b);
    const b1 = times(i32x4.sub(a, b), left, leftQuotient);
    const c1 = i32x4.add(c, d);
    const d1 = times(i32x4.sub(c, d), right, rightQuotient);
    v128.store(p, canonical(times(i32x4.add(a1, c1), scale, scaleQuotient)));
    v128.store(p, canonical(times(i32x4.add(b1, d1), scale, scaleQuotient)), 256);
    v128.store(p, canonical(times(i32x4.sub(a1, c1), scaled, scaledQuotient)), 512);
    v128.store(p, canonical(times(i32x4.sub(b1, d1), scaled, scaledQuotient)), 768);
  }
}

// One by one.

@inline
function timesOne(x: i32, factor: i32, quotient: i32): i32 {
  return x * factor - <i32>((<i64>x * <i64>quotient) >> 32) * Q;
}

function forwardScalar(polynomial: usize): void {
  let at = ZETAS;
  for (let distance: usize = 512; distance >= 4; distance >>= 1) {
    for (let block = polynomial; block < polynomial + POLYNOMIAL; block += 2 * distance) {
      at += 4;
      const zeta = load<i32>(at);
      const quotient = load<i32>(at, QUOTIENTS);
      for (let p = block; p < block + distance; p += 4) {
        const t = timesOne(load<i32>(p + distance), zeta, quotient);
        const a = load<i32>(p);
        store<i32>(p, a + t);
        store<i32>(p + distance, a - t);
      }
    }
  }
}

function inverseScalar(polynomial: usize): void {
  for (let distance: usize = 4; distance <= 512; distance <<= 1) {
    let at = INVERSES + 512 / distance * 4;
    for (let block = polynomial; block < polynomial + POLYNOMIAL; block += 2 * distance) {
      const inverse = load<i32>(at);
      const quotient = load<i32>(at, QUOTIENTS);
      for (let p = block; p < block + distance; p += 4) {
        const a = load<i32>(p);
        const b = load<i32>(p + distance);
        store<i32>(p, a + b);
        store<i32>(p + distance, timesOne(a - b, inverse, quotient));
      }
      at += 4;
    }
  }
  const scale = load<i32>(SCALES);
  const quotient = load<i32>(SCALES, SCALE_QUOTIENTS);
  for (let p = polynomial; p < polynomial + POLYNOMIAL; p += 4) {
    let x = timesOne(load<i32>(p), scale, quotient);
    x += (x >> 31) & Q;
    x -= Q;
    store<i32>(p, x + ((x >> 31) & Q));
  }
}
