/** Fitting: a seeded generator, logistic regression over sparse ids, and Platt calibration. Deterministic on one engine. */
import { sigmoid } from '../src/agent/calibration.ts';

/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** In place, Fisher–Yates. */
export function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
}

export interface LogisticSettings {
  readonly epochs: number;
  readonly rate: number;
  /** L2 penalty, applied to the weights that an example uses. */
  readonly penalty: number;
  readonly seed: number;
}

/** Weight of each id and the bias: score = Σ weights[id] + bias. `weights[0]`, the padding's, is 0. */
export interface SparseLinear {
  readonly weights: Float32Array;
  readonly bias: number;
}

/** Logistic regression by AdaGrad (Duchi et al. 2011). `rows[i]`: distinct ids ≥ 1 of example i. */
export function fitLogistic(
  rows: readonly Int32Array[],
  labels: readonly number[],
  buckets: number,
  settings: LogisticSettings,
): SparseLinear {
  const { epochs, rate, penalty, seed } = settings;
  const weights = new Float64Array(buckets + 1);
  const squares = new Float64Array(buckets + 1).fill(1);
  const random = generator(seed);
  const order = rows.map((_, i) => i);
  let bias = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    shuffle(order, random);
    for (const example of order) {
      const row = rows[example] as Int32Array;
      let score = bias;
      for (const id of row) score += weights[id] as number;
      const error = sigmoid(score) - (labels[example] as number);
      bias -= 0.1 * rate * error;
      for (const id of row) {
        const gradient = error + penalty * (weights[id] as number);
        const sum = (squares[id] as number) + gradient * gradient;
        squares[id] = sum;
        weights[id] = (weights[id] as number) - (rate * gradient) / Math.sqrt(sum);
      }
    }
  }
  return { weights: Float32Array.from(weights), bias: Math.fround(bias) };
}

/** Score of one row, as the shipped float32 weights give it. */
export function scoreOf({ weights, bias }: SparseLinear, row: Int32Array): number {
  let score = bias;
  for (const id of row) score += weights[id] as number;
  return score;
}

const NEWTON_STEPS = 50;

/** a and b of σ(a · score + b) with the least log loss against Platt's smoothed targets, by Newton's method. */
export function fitPlatt(scores: readonly number[], labels: readonly number[]): { a: number; b: number } {
  const positives = labels.filter((label) => label === 1).length;
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (labels.length - positives + 2);
  let a = 1;
  let b = 0;
  for (let step = 0; step < NEWTON_STEPS; step += 1) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 1e-9, 0, 1e-9];
    for (const [i, score] of scores.entries()) {
      const p = sigmoid(a * score + b);
      const error = p - (labels[i] === 1 ? high : low);
      const curvature = p * (1 - p);
      ga += error * score;
      gb += error;
      haa += curvature * score * score;
      hab += curvature * score;
      hbb += curvature;
    }
    const determinant = haa * hbb - hab * hab;
    a -= (hbb * ga - hab * gb) / determinant;
    b -= (haa * gb - hab * ga) / determinant;
  }
  return { a, b };
}
