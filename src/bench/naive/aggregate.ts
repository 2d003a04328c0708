/** Robust aggregation as its papers put it (assembly/aggregate.ts names them): arrays of arrays, in double precision. */

type Vector = readonly number[];

const sum = (values: Vector): number => values.reduce((total, value) => total + value, 0);
const normOf = (x: Vector): number => Math.sqrt(sum(x.map((value) => value * value)));
const distance = (x: Vector, y: Vector): number => normOf(x.map((value, i) => value - y[i]!));
const ascending = (a: number, b: number): number => a - b;

/** The mean of every coordinate. */
export function mean(vectors: readonly Vector[]): number[] {
  return vectors[0]!.map((_, i) => sum(vectors.map((x) => x[i]!)) / vectors.length);
}

/** Adaptive robust clipping. */
function clip(vectors: readonly Vector[], faulty: number): Vector[] {
  const clipped = Math.floor(((2 * faulty) / vectors.length) * (vectors.length - faulty));
  const norms = vectors.map(normOf);
  const longest = norms.toSorted((a, b) => b - a)[clipped]!;
  return vectors.map((x, i) => (norms[i]! > longest ? x.map((value) => (value * longest) / norms[i]!) : x));
}

/** Nearest-neighbour mixing. */
function mix(vectors: readonly Vector[], faulty: number): Vector[] {
  return vectors.map((x) => {
    const byDistance = vectors.map((y) => ({ y, far: distance(x, y) })).sort((a, b) => a.far - b.far);
    return mean(byDistance.slice(0, vectors.length - faulty).map(({ y }) => y));
  });
}

/** Coordinate-wise trimmed mean. */
function trimmedMean(vectors: readonly Vector[], faulty: number): number[] {
  return vectors[0]!.map((_, i) => {
    const column = vectors.map((x) => x[i]!).sort(ascending);
    const kept = column.slice(faulty, vectors.length - faulty);
    return sum(kept) / kept.length;
  });
}

export function naiveAggregate(gradients: readonly Vector[], faulty: number): number[] {
  return trimmedMean(mix(clip(gradients, faulty), faulty), faulty);
}
