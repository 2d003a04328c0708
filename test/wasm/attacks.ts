/** What hostile nodes send instead of their gradients. They know those of all honest nodes and act as one. */
import type { Random } from '../support/random.ts';

export interface Honest {
  /** The gradients of the honest nodes. */
  readonly gradients: readonly Float32Array[];
  readonly random: Random;
  /** What one of them would have been if its labels were turned around. */
  flipped(i: number): Float32Array;
}

/** One gradient per hostile node. */
export type Attack = (honest: Honest, faulty: number) => Float32Array[];

export function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const sums = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (let i = 0; i < sums.length; i++) sums[i]! += vector[i]!;
  return Float32Array.from(sums, (sum) => sum / vectors.length);
}

function deviationOf(vectors: readonly Float32Array[], mean: Float32Array): Float32Array {
  const sums = new Float64Array(mean.length);
  for (const vector of vectors) for (let i = 0; i < sums.length; i++) sums[i]! += (vector[i]! - mean[i]!) ** 2;
  return Float32Array.from(sums, (sum) => Math.sqrt(sum / vectors.length));
}

const all = (vector: Float32Array, faulty: number): Float32Array[] => new Array<Float32Array>(faulty).fill(vector);

/** Inner product manipulation (Xie et al., UAI 2019): −τ times the honest mean. With τ = 1 it is the sign flip. */
const manipulation =
  (tau: number): Attack =>
  ({ gradients }, faulty) =>
    all(
      meanOf(gradients).map((value) => -tau * value),
      faulty,
    );

/** The probability that a normal number is below `z`, by Simpson's rule. */
function normalBelow(z: number): number {
  const density = (x: number): number => Math.exp(-x * x * 0.5) / Math.sqrt(2 * Math.PI);
  const step = z / 200;
  let sum = density(0) + density(z);
  for (let i = 1; i < 200; i++) sum += (i % 2 === 0 ? 2 : 4) * density(i * step);
  return 0.5 + (sum * step) / 3;
}

/**
 * A little is enough (Baruch et al., NeurIPS 2019, algorithm 3): as many deviations beside the mean as leave so many honest ones
 * farther out that with them the hostile ones are a majority.
 */
const alie: Attack = ({ gradients }, faulty) => {
  const count = gradients.length + faulty;
  const supporters = Math.floor(count / 2 + 1) - faulty;
  const part = (gradients.length - supporters) / gradients.length;
  let z = -3;
  while (normalBelow(z + 0.01) < part) z += 0.01;
  const mean = meanOf(gradients);
  const deviation = deviationOf(gradients, mean);
  return all(
    mean.map((value, i) => value - z * deviation[i]!),
    faulty,
  );
};

/** The sum of twelve uniform numbers, less six: close to a normal one. */
function normal(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random.below(2 ** 20) / 2 ** 20;
  return sum;
}

const noise: Attack = ({ gradients, random }, faulty) =>
  Array.from({ length: faulty }, () => gradients[0]!.map(() => 100 * normal(random)));

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'sign flip': manipulation(1),
  'IPM 0.5': manipulation(0.5),
  'IPM 2': manipulation(2),
  'IPM 10': manipulation(10),
  'IPM 100': manipulation(100),
  ALIE: alie,
  'label flip': ({ flipped }, faulty) => Array.from({ length: faulty }, (_, i) => flipped(i)),
  mimic: ({ gradients }, faulty) => all(gradients[0]!, faulty),
  noise,
};
