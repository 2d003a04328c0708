// Sums over vectors of f32 in one order that SIMD, scalar and twin share: number i goes to lane i mod 4, the lanes are added
// as (0 + 1) + (2 + 3). A vector begins at a cache line and is padded with zeros to whole lines, which change no sum.
//
// Squares are summed in f32 over blocks of 256 numbers and in f64 beyond: as fast as f32, and no less exact for long vectors.

/** Vectors and the rows of matrices take whole lines of 16 numbers. */
export const LINE_BYTES: usize = 64;
const BLOCK_BYTES: usize = 1024;

/** Bytes of a vector of `numbers`, padded. */
@inline
export function vectorBytes(numbers: u32): usize {
  return (<usize>numbers * 4 + LINE_BYTES - 1) & ~(LINE_BYTES - 1);
}

/** (0 + 1) + (2 + 3). */
@inline
export function addLanes(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

/** True when every number is finite and no greater than `limit` in absolute value. */
export function areBounded(vector: usize, bytes: usize, limit: f32): bool {
  const end = vector + bytes;
  if (ASC_FEATURE_SIMD) {
    const limits = f32x4.splat(limit);
    let good = i32x4.splat(-1);
    for (let at = vector; at < end; at += 16) good = v128.and(good, f32x4.le(f32x4.abs(v128.load(at)), limits));
    return i32x4.all_true(good);
  }
  for (let at = vector; at < end; at += 4) if (!(abs(load<f32>(at)) <= limit)) return false;
  return true;
}

/** Sum of the squares. */
export function sumOfSquares(vector: usize, bytes: usize): f64 {
  const end = vector + bytes;
  let total: f64 = 0;
  for (let at = vector; at < end; ) {
    const blockEnd = min(at + BLOCK_BYTES, end);
    if (ASC_FEATURE_SIMD) {
      let sum = f32x4.splat(0);
      for (; at < blockEnd; at += 16) {
        const x = v128.load(at);
        sum = f32x4.add(sum, f32x4.mul(x, x));
      }
      total += <f64>addLanes(sum);
    } else {
      let sum0: f32 = 0;
      let sum1: f32 = 0;
      let sum2: f32 = 0;
      let sum3: f32 = 0;
      for (; at < blockEnd; at += 16) {
        sum0 += load<f32>(at) * load<f32>(at);
        sum1 += load<f32>(at, 4) * load<f32>(at, 4);
        sum2 += load<f32>(at, 8) * load<f32>(at, 8);
        sum3 += load<f32>(at, 12) * load<f32>(at, 12);
      }
      total += <f64>(sum0 + sum1 + (sum2 + sum3));
    }
  }
  return total;
}

/**
 * Squared distances of the `count` vectors that begin `bytes` apart at `vectors`: f64 to row i, column j > i of a square
 * matrix at `out`, which is zeros before.
 */
export function distances(vectors: usize, count: u32, bytes: usize, out: usize): void {
  const end = vectors + bytes;
  for (let block = vectors; block < end; block += BLOCK_BYTES) {
    const length = min(BLOCK_BYTES, end - block);
    for (let i: u32 = 0; i < count; i++) {
      const row = block + <usize>i * bytes;
      const sums = out + <usize>i * <usize>count * 8;
      let j = i + 1;
      if (ASC_FEATURE_SIMD) {
        for (; j + 4 <= count; j += 4) addFourDistances(row, block + <usize>j * bytes, bytes, length, sums + (<usize>j << 3));
      }
      for (; j < count; j++) {
        const at = sums + (<usize>j << 3);
        store<f64>(at, load<f64>(at) + <f64>blockDistance(row, block + <usize>j * bytes, length));
      }
    }
  }
}

/** Adds the squared distances of one block of `x` to those of four vectors, `bytes` apart from `y` on. */
@inline
function addFourDistances(x: usize, y: usize, bytes: usize, length: usize, sums: usize): void {
  const y1 = y + bytes;
  const y2 = y1 + bytes;
  const y3 = y2 + bytes;
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  let sum2 = f32x4.splat(0);
  let sum3 = f32x4.splat(0);
  for (let i: usize = 0; i < length; i += 16) {
    const a = v128.load(x + i);
    const d0 = f32x4.sub(a, v128.load(y + i));
    const d1 = f32x4.sub(a, v128.load(y1 + i));
    const d2 = f32x4.sub(a, v128.load(y2 + i));
    const d3 = f32x4.sub(a, v128.load(y3 + i));
    sum0 = f32x4.add(sum0, f32x4.mul(d0, d0));
    sum1 = f32x4.add(sum1, f32x4.mul(d1, d1));
    sum2 = f32x4.add(sum2, f32x4.mul(d2, d2));
    sum3 = f32x4.add(sum3, f32x4.mul(d3, d3));
  }
  store<f64>(sums, load<f64>(sums) + <f64>addLanes(sum0));
  store<f64>(sums, load<f64>(sums, 8) + <f64>addLanes(sum1), 8);
  store<f64>(sums, load<f64>(sums, 16) + <f64>addLanes(sum2), 16);
  store<f64>(sums, load<f64>(sums, 24) + <f64>addLanes(sum3), 24);
}

@inline
function blockDistance(x: usize, y: usize, length: usize): f32 {
  if (ASC_FEATURE_SIMD) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < length; i += 16) {
      const d = f32x4.sub(v128.load(x + i), v128.load(y + i));
      sum = f32x4.add(sum, f32x4.mul(d, d));
    }
    return addLanes(sum);
  }
  let sum0: f32 = 0;
  let sum1: f32 = 0;
  let sum2: f32 = 0;
  let sum3: f32 = 0;
  for (let i: usize = 0; i < length; i += 16) {
    const d0 = load<f32>(x + i) - load<f32>(y + i);
    const d1 = load<f32>(x + i, 4) - load<f32>(y + i, 4);
    const d2 = load<f32>(x + i, 8) - load<f32>(y + i, 8);
    const d3 = load<f32>(x + i, 12) - load<f32>(y + i, 12);
    sum0 += d0 * d0;
    sum1 += d1 * d1;
    sum2 += d2 * d2;
    sum3 += d3 * d3;
  }
  return sum0 + sum1 + (sum2 + sum3);
}

/** Multiplies every number by `factor`. */
export function scale(vector: usize, bytes: usize, factor: f32): void {
  const end = vector + bytes;
  if (ASC_FEATURE_SIMD) {
    const factors = f32x4.splat(factor);
    for (let at = vector; at < end; at += 16) v128.store(at, f32x4.mul(v128.load(at), factors));
  } else {
    for (let at = vector; at < end; at += 4) store<f32>(at, load<f32>(at) * factor);
  }
}
