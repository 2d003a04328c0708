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
  /** First learning rate; it falls in a line to a tenth. */
  readonly rate: number;
  /** L2 penalty, applied to the weights that an example uses. */
  readonly penalty: number;
  /** Share of an example's ids that is left out at random each time it is seen: no single feature may carry the verdict. */
  readonly dropout: number;
  readonly seed: number;
}

/** Weight of each id and the bias: score = scale · Σ weights[id] + bias. The first weight, the padding's, is 0; the last, of what is known to be good, the least there is. */
export interface SparseLinear {
  readonly weights: Int8Array;
  readonly scale: number;
  readonly bias: number;
}

/** Symmetric 8-bit quantisation: a quarter of the size for no measurable loss. */
function quantise(weights: Float64Array, bias: number): SparseLinear {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  const scale = Math.fround(largest / 127) || 1;
  const quantised = Int8Array.from([...weights, 0], (weight) => Math.round(weight / scale));
  quantised[quantised.length - 1] = -127;
  return { weights: quantised, scale, bias: Math.fround(bias) };
}

/** Logistic regression by AdaGrad (Duchi et al. 2011). `rows[i]`: distinct ids ≥ 1 of example i. */
export function fitLogistic(
  rows: readonly Int32Array[],
  labels: readonly number[],
  buckets: number,
  settings: LogisticSettings,
): SparseLinear {
  const { epochs, penalty, dropout, seed } = settings;
  const weights = new Float64Array(buckets + 1);
  const squares = new Float64Array(buckets + 1).fill(1);
  const random = generator(seed);
  const order = rows.map((_, i) => i);
  const kept = 1 / (1 - dropout);
  const used = new Int32Array(rows.reduce((most, row) => Math.max(most, row.length), 0));
  let bias = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const rate = settings.rate * (1 - (0.9 * epoch) / epochs);
    shuffle(order, random);
    for (const example of order) {
      let count = 0;
      let sum = 0;
      for (const id of rows[example] as Int32Array) {
        if (random() < dropout) continue;
        used[count] = id;
        count += 1;
        sum += weights[id] as number;
      }
      const error = sigmoid(bias + kept * sum) - (labels[example] as number);
      bias -= 0.1 * rate * error;
      for (let i = 0; i < count; i += 1) {
        const id = used[i] as number;
        const gradient = kept * error + penalty * (weights[id] as number);
        const total = (squares[id] as number) + gradient * gradient;
        squares[id] = total;
        weights[id] = (weights[id] as number) - (rate * gradient) / Math.sqrt(total);
      }
    }
  }
  return quantise(weights, bias);
}

/** Score of one row, as the shipped 8-bit weights give it. */
export function scoreOf({ weights, scale, bias }: SparseLinear, row: Int32Array): number {
  let sum = 0;
  for (const id of row) sum += weights[id] as number;
  return scale * sum + bias;
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
