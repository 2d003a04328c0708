/**
 * Sums over vectors of f32 in the order of assembly/vector-sums.ts: number i in lane i mod 4, lanes as (0 + 1) + (2 + 3),
 * squares in f32 over blocks of 256 numbers and in f64 beyond. Lengths are multiples of 4, padded with zeros.
 */
const { fround } = Math;

const BLOCK = 256;

/** The next multiple of 4. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** True when every number is finite and no greater than `limit` in absolute value. */
export function areBounded(vector: Float32Array, limit: number): boolean {
  for (let i = 0; i < vector.length; i++) if (!(Math.abs(vector[i]!) <= limit)) return false;
  return true;
}

/** Sum of the squares of `length` numbers from `at` on. */
export function sumOfSquares(vector: Float32Array, at: number, length: number): number {
  const end = at + length;
  let total = 0;
  for (let i = at; i < end; ) {
    const blockEnd = Math.min(i + BLOCK, end);
    let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
    for (; i < blockEnd; i += 4) {
      sum0 = fround(sum0 + fround(vector[i]! * vector[i]!));
      sum1 = fround(sum1 + fround(vector[i + 1]! * vector[i + 1]!));
      sum2 = fround(sum2 + fround(vector[i + 2]! * vector[i + 2]!));
      sum3 = fround(sum3 + fround(vector[i + 3]! * vector[i + 3]!));
    }
    total += fround(fround(sum0 + sum1) + fround(sum2 + sum3));
  }
  return total;
}

/** Squared distances of `count` vectors of `length` numbers, one after the other: to row i, column j > i of `out`. */
export function distances(vectors: Float32Array, count: number, length: number, out: Float64Array): void {
  for (let block = 0; block < length; block += BLOCK) {
    const blockLength = Math.min(BLOCK, length - block);
    for (let i = 0; i < count; i++) {
      for (let j = i + 1; j < count; j++) {
        out[i * count + j]! += blockDistance(vectors, i * length + block, j * length + block, blockLength);
      }
    }
  }
}

function blockDistance(vectors: Float32Array, x: number, y: number, length: number): number {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let end = x + length; x < end; x += 4, y += 4) {
    const d0 = fround(vectors[x]! - vectors[y]!);
    const d1 = fround(vectors[x + 1]! - vectors[y + 1]!);
    const d2 = fround(vectors[x + 2]! - vectors[y + 2]!);
    const d3 = fround(vectors[x + 3]! - vectors[y + 3]!);
    sum0 = fround(sum0 + fround(d0 * d0));
    sum1 = fround(sum1 + fround(d1 * d1));
    sum2 = fround(sum2 + fround(d2 * d2));
    sum3 = fround(sum3 + fround(d3 * d3));
  }
  return fround(fround(sum0 + sum1) + fround(sum2 + sum3));
}
