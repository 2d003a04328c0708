// The logistic loss of one logit, in f64, and what it takes: exp and log1p of their own, as those of engines differ in the last bit.
// Only operations that IEEE 754 rounds correctly are used, so every machine computes the same bits.

// ln 2 in two parts, the first one with 21 trailing zeros: k · LN2_HIGH is exact (fdlibm, e_exp.c).
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const INVERSE_LN2: f64 = 1.0 / (LN2_HIGH + LN2_LOW);
/** Below it e^x is taken for 0: it is less than half of an ulp of 1, and far from where 2^k is no normal number. */
const LEAST_EXPONENT: f64 = -700;

/** 2^k, k from −1022 to 1023. */
@inline
function powerOfTwo(k: i32): f64 {
  return reinterpret<f64>(<u64>(k + 1023) << 52);
}

/**
 * e^x for x ≤ 0: x = k·ln 2 + r with |r| ≤ ln 2 / 2, and the Taylor polynomial of degree 13 of e^r, whose first term left
 * out is below 5·10⁻¹⁸.
 */
export function expOfNegative(x: f64): f64 {
  if (x < LEAST_EXPONENT) return 0;
  const k = floor(x * INVERSE_LN2 + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum: f64 = 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  sum = sum * r + 1.0;
  sum = sum * r + 1.0;
  return sum * powerOfTwo(<i32>k);
}

/** ln(1 + u) for u from 0 to 1: 2·artanh(s) with s = u / (2 + u) ≤ 1/3, by its series to s³³; the rest is below 10⁻¹⁷. */
export function log1pOfFraction(u: f64): f64 {
  const s = u / (2.0 + u);
  const square = s * s;
  let sum: f64 = 0;
  for (let odd: f64 = 33; odd >= 1; odd -= 2) sum = sum * square + 1.0 / odd;
  return 2.0 * s * sum;
}

/** −t·ln p − (1 − t)·ln(1 − p) for p = 1 / (1 + e^−z), in the form that never overflows. */
export function logisticLoss(z: f64, target: f64): f64 {
  return max(z, 0.0) - z * target + log1pOfFraction(expOfNegative(-abs(z)));
}

/** p = 1 / (1 + e^−z). */
export function probability(z: f64): f64 {
  const e = expOfNegative(-abs(z));
  return z < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}
