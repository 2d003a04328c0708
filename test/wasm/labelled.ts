/** Labelled rows to learn from and to be judged by: made up, or real ones where they are present. */
import { existsSync, readFileSync } from 'node:fs';
import { seeded } from '../support/random.ts';

export interface Rows {
  readonly inputs: Float32Array;
  readonly targets: Float32Array;
}

export interface Labelled {
  readonly width: number;
  readonly training: Rows;
  readonly test: Rows;
}

const ACCOUNTS = new URL('../../../shared/data/ethereum-accounts.csv', import.meta.url);

/** Every fourth of the shuffled examples is for the test; numbers are scaled by the mean and deviation of the others. */
function split(examples: readonly { readonly x: readonly number[]; readonly label: number }[]): Labelled {
  const shuffled = seeded(5).shuffled(examples);
  const parts = [shuffled.filter((_, i) => i % 4 !== 0), shuffled.filter((_, i) => i % 4 === 0)];
  const width = examples[0]!.x.length;
  const scales = Array.from({ length: width }, (_, k) => {
    const column = parts[0]!.map(({ x }) => x[k]!);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
  const [training, test] = parts.map((part) => ({
    inputs: Float32Array.from(
      part.flatMap(({ x }) => x.map((value, k) => (value - scales[k]!.mean) / scales[k]!.deviation)),
    ),
    targets: Float32Array.from(part, ({ label }) => label),
  }));
  return { width, training: training!, test: test! };
}

/** 2400 points of 8 numbers; the label is whether two of them have one sign, plus a few wrong ones: no line divides it. */
export function madeUp(): Labelled {
  const random = seeded(77);
  const uniform = (): number => random.below(2 ** 20) / 2 ** 19 - 1;
  return split(
    Array.from({ length: 2400 }, () => {
      const x = Array.from({ length: 8 }, uniform);
      const isOne = x[0]! * x[1]! + 0.5 * x[2]! > 0;
      return { x, label: isOne !== random.chance(20) ? 1 : 0 };
    }),
  );
}

/**
 * The labelled Ethereum accounts, or undefined where they are absent. One row per address. Columns that are empty for some
 * are 0 there: that they are empty would give the label away.
 */
export function accounts(): Labelled | undefined {
  if (!existsSync(ACCOUNTS)) return undefined;
  const lines = readFileSync(ACCOUNTS, 'utf8').trim().split(/\r?\n/).slice(1);
  const byAddress = new Map(lines.map((line) => [line.split(',')[1], line]));
  const examples = [...byAddress.values()].map((line) => {
    const fields = line.split(',');
    // After the label come numbers, and at last two names of tokens.
    const x = fields.slice(3, 48).map((field) => Number(field) || 0);
    return { x: x.map((value) => Math.sign(value) * Math.log1p(Math.abs(value))), label: Number(fields[2]) };
  });
  return split(examples);
}

/** Area under the receiver operating characteristic: how often a positive has the higher score; half for a draw. */
export function areaUnderCurve(scores: ArrayLike<number>, targets: Float32Array): number {
  const order = Array.from(targets, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let [rankSum, positives] = [0, 0];
  for (let first = 0; first < order.length; ) {
    let end = first;
    while (end < order.length && scores[order[end]!] === scores[order[first]!]) end++;
    for (let i = first; i < end; i++) {
      if (targets[order[i]!] !== 1) continue;
      rankSum += (first + end + 1) / 2;
      positives++;
    }
    first = end;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}
