/** ARC → NNM → CWTM in plain TypeScript; assembly/aggregate.ts names the papers. */
import { distances, sumOfSquares } from './vector-sums.ts';

const { fround } = Math;

/** Aggregates `count` gradients of `length` numbers, a multiple of 4, one after the other in `vectors`, changing them. */
export function aggregate(vectors: Float32Array, count: number, length: number, faulty: number): Float32Array {
  clip(vectors, count, length, faulty);
  const pairs = new Float64Array(count * count);
  distances(vectors, count, length, pairs);
  return mixAndTrim(vectors, count, length, faulty, neighboursOf(pairs, count, count - faulty, length));
}

/** ARC. */
function clip(vectors: Float32Array, count: number, length: number, faulty: number): void {
  const norms = Float64Array.from({ length: count }, (_, i) => Math.sqrt(sumOfSquares(vectors, i * length, length)));
  const clipped = Math.floor((2 * faulty * (count - faulty)) / count);
  const longest = norms.toSorted()[count - 1 - clipped]!;
  for (const [i, norm] of norms.entries()) {
    if (norm <= longest) continue;
    const factor = fround(longest / norm);
    for (let at = i * length; at < (i + 1) * length; at++) vectors[at]! *= factor;
  }
}

/** For each gradient, where its `near` nearest ones begin, in ascending order; of those as far, the first ones. */
function neighboursOf(pairs: Float64Array, count: number, near: number, length: number): Int32Array {
  const all = Array.from({ length: count }, (_, i) => i);
  const lists = all.map((i) => {
    const distance = (j: number): number => pairs[Math.min(i, j) * count + Math.max(i, j)]!;
    const order = all.toSorted((a, b) => distance(a) - distance(b) || a - b);
    return order.slice(0, near).sort((a, b) => a - b);
  });
  return Int32Array.from(lists.flat(), (j) => j * length);
}

/** NNM and CWTM, four coordinates after the other; means are sums until the end. */
function mixAndTrim(
  vectors: Float32Array,
  count: number,
  length: number,
  faulty: number,
  neighbours: Int32Array,
): Float32Array {
  const near = count - faulty;
  const factor = fround(1 / (near * (count - 2 * faulty)));
  const sums = new Float32Array(4 * count);
  const sorted = new Float64Array(count);
  const out = new Float32Array(length);
  for (let at = 0; at < length; at += 4) {
    for (let i = 0; i < count; i++) addNeighbours(vectors, at, neighbours, i * near, near, sums, 4 * i);
    for (let lane = 0; lane < 4; lane++) {
      sortLane(sums, lane, sorted);
      let sum = 0;
      for (let i = faulty; i < count - faulty; i++) sum = fround(sum + sorted[i]!);
      out[at + lane] = sum * factor;
    }
  }
  return out;
}

function addNeighbours(
  vectors: Float32Array,
  at: number,
  neighbours: Int32Array,
  first: number,
  near: number,
  sums: Float32Array,
  to: number,
): void {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let k = first; k < first + near; k++) {
    const x = neighbours[k]! + at;
    sum0 = fround(sum0 + vectors[x]!);
    sum1 = fround(sum1 + vectors[x + 1]!);
    sum2 = fround(sum2 + vectors[x + 2]!);
    sum3 = fround(sum3 + vectors[x + 3]!);
  }
  sums[to] = sum0;
  sums[to + 1] = sum1;
  sums[to + 2] = sum2;
  sums[to + 3] = sum3;
}

/** Every fourth number from `lane` on, by insertion: for so few, faster than the array's own sort or a sorting network. */
function sortLane(sums: Float32Array, lane: number, sorted: Float64Array): void {
  for (let i = 0; i < sorted.length; i++) {
    const value = sums[4 * i + lane]!;
    let j = i;
    for (; j > 0 && sorted[j - 1]! > value; j--) sorted[j] = sorted[j - 1]!;
    sorted[j] = value;
  }
}
