// The two sums that a dense layer consists of, on rows of f32 that begin at cache lines and are padded with zeros to whole
// ones: products of rows along their numbers (forward), and sums of rows with coefficients (backward).
import { LINE_BYTES } from './vector-sums';

/**
 * Products of the row `x` with four rows of the same length, one after the other from `y` on: number i in lane i mod 4, lanes
 * as (0 + 1) + (2 + 3).
 */
@inline
export function fourProducts(x: usize, y: usize, bytes: usize): v128 {
  const y1 = y + bytes;
  const y2 = y1 + bytes;
  const y3 = y2 + bytes;
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  let c = f32x4.splat(0);
  let d = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const four = v128.load(x + i);
    a = f32x4.add(a, f32x4.mul(four, v128.load(y + i)));
    b = f32x4.add(b, f32x4.mul(four, v128.load(y1 + i)));
    c = f32x4.add(c, f32x4.mul(four, v128.load(y2 + i)));
    d = f32x4.add(d, f32x4.mul(four, v128.load(y3 + i)));
  }
  // Lanes 0 and 1 of all, then lanes 2 and 3.
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  return f32x4.add(
    f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3)),
    f32x4.add(v128.shuffle<i64>(ab2, cd2, 0, 2), v128.shuffle<i64>(ab2, cd2, 1, 3)),
  );
}

/** The product of two rows, summed as fourProducts does. */
@inline
export function product(x: usize, y: usize, bytes: usize): f32 {
  let sum0: f32 = 0;
  let sum1: f32 = 0;
  let sum2: f32 = 0;
  let sum3: f32 = 0;
  for (let i: usize = 0; i < bytes; i += 16) {
    sum0 += load<f32>(x + i) * load<f32>(y + i);
    sum1 += load<f32>(x + i, 4) * load<f32>(y + i, 4);
    sum2 += load<f32>(x + i, 8) * load<f32>(y + i, 8);
    sum3 += load<f32>(x + i, 12) * load<f32>(y + i, 12);
  }
  return sum0 + sum1 + (sum2 + sum3);
}

/**
 * Σ coefficient k · row k in ascending order, to `out`. Coefficients are `step` bytes apart, rows `bytes` long and apart.
 */
export function combine(coefficients: usize, step: usize, count: u32, rows: usize, bytes: usize, out: usize): void {
  const end = coefficients + <usize>count * step;
  for (let line: usize = 0; line < bytes; line += LINE_BYTES) {
    let row = rows + line;
    if (ASC_FEATURE_SIMD) {
      let sum0 = f32x4.splat(0);
      let sum1 = f32x4.splat(0);
      let sum2 = f32x4.splat(0);
      let sum3 = f32x4.splat(0);
      for (let at = coefficients; at < end; at += step) {
        const factor = v128.load32_splat(at);
        sum0 = f32x4.add(sum0, f32x4.mul(factor, v128.load(row)));
        sum1 = f32x4.add(sum1, f32x4.mul(factor, v128.load(row, 16)));
        sum2 = f32x4.add(sum2, f32x4.mul(factor, v128.load(row, 32)));
        sum3 = f32x4.add(sum3, f32x4.mul(factor, v128.load(row, 48)));
        row += bytes;
      }
      v128.store(out + line, sum0);
      v128.store(out + line, sum1, 16);
      v128.store(out + line, sum2, 32);
      v128.store(out + line, sum3, 48);
    } else {
      combineScalar(coefficients, step, end, row, bytes, out + line);
    }
  }
}

/** One line of it, four numbers at a time. */
@inline
function combineScalar(coefficients: usize, step: usize, end: usize, rows: usize, bytes: usize, out: usize): void {
  for (let i: usize = 0; i < LINE_BYTES; i += 16) {
    let row = rows + i;
    let sum0: f32 = 0;
    let sum1: f32 = 0;
    let sum2: f32 = 0;
    let sum3: f32 = 0;
    for (let at = coefficients; at < end; at += step) {
      const factor = load<f32>(at);
      sum0 += factor * load<f32>(row);
      sum1 += factor * load<f32>(row, 4);
      sum2 += factor * load<f32>(row, 8);
      sum3 += factor * load<f32>(row, 12);
      row += bytes;
    }
    store<f32>(out + i, sum0);
    store<f32>(out + i, sum1, 4);
    store<f32>(out + i, sum2, 8);
    store<f32>(out + i, sum3, 12);
  }
}
