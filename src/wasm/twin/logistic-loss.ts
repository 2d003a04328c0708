/**
 * The logistic loss of one logit, with exp and log1p of its own, since engines differ in the last bit of theirs: the same
 * operations as assembly/logistic-loss.ts, which says why they are enough.
 */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const INVERSE_LN2 = 1 / (LN2_HIGH + LN2_LOW);
const LEAST_EXPONENT = -700;

/** 2^−k; by halving, which is exact. */
const HALVINGS = new Float64Array(1024);
for (let k = 0, power = 1; k < 1023; k++, power *= 0.5) HALVINGS[k] = power;

/** 1/13!, 1/12!, … 1/0!. */
const TAYLOR = Float64Array.from(
  [6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1],
  (factorial) => 1 / factorial,
);

/** e^x for x ≤ 0. */
export function expOfNegative(x: number): number {
  if (x < LEAST_EXPONENT) return 0;
  const k = Math.floor(x * INVERSE_LN2 + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = TAYLOR[0]!;
  for (let i = 1; i < TAYLOR.length; i++) sum = sum * r + TAYLOR[i]!;
  return sum * HALVINGS[-k]!;
}

/** ln(1 + u) for u from 0 to 1. */
export function log1pOfFraction(u: number): number {
  const s = u / (2 + u);
  const square = s * s;
  let sum = 0;
  for (let odd = 33; odd >= 1; odd -= 2) sum = sum * square + 1 / odd;
  return 2 * s * sum;
}

export function logisticLoss(z: number, target: number): number {
  return Math.max(z, 0) - z * target + log1pOfFraction(expOfNegative(-Math.abs(z)));
}

/** 1 / (1 + e^−z). */
export function probability(z: number): number {
  const e = expOfNegative(-Math.abs(z));
  return z < 0 ? e / (1 + e) : 1 / (1 + e);
}
