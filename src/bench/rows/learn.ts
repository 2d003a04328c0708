/** Learning: robust aggregation of gradients, gradients of networks, steps, and gradients as they travel. */
import type { Kernels } from '../../wasm/kernels.ts';
import type { NetworkBatch } from '../../wasm/learn.ts';
import { parametersOf } from '../../wasm/learn-checks.ts';
import type { Column, RowSpec } from '../harness.ts';
import { naiveAggregate } from '../naive/aggregate.ts';
import { naiveGradient } from '../naive/network.ts';
import { perKernel, pseudoRandom } from './kernels.ts';

/** Numbers of about a normal distribution. */
function vectorOf(length: number, seed: number): Float32Array {
  const next = pseudoRandom(seed);
  const uniform = (): number => next() / 2 ** 24 - 0.5;
  return Float32Array.from({ length }, () => 2 * (uniform() + uniform() + uniform()));
}

/** Two decimal places of a sum over every 13th number: the same in single and in double precision. Tests compare every bit. */
function roughly(vector: ArrayLike<number>): string {
  let sum = 0;
  for (let i = 0; i < vector.length; i += 13) sum += ((i % 7) - 3) * vector[i]!;
  return sum.toFixed(2);
}

/** A third hostile: each of them the honest mean, turned around. */
function gradientsOf(count: number, length: number): Float32Array[] {
  const faulty = Math.floor((count - 1) / 3);
  const common = vectorOf(length, 99);
  return Array.from({ length: count }, (_, i) => {
    const own = vectorOf(length, i);
    return i < faulty ? common.map((value) => -2 * value) : own.map((value, k) => value + common[k]!);
  });
}

function aggregationRow(count: number, parameters: number, targets: NonNullable<RowSpec['targets']> = {}): RowSpec {
  const faulty = Math.floor((count - 1) / 3);
  const gradients = gradientsOf(count, parameters);
  const arrays = gradients.map((gradient) => [...gradient]);
  return {
    name: 'robust aggregation',
    params: { n: count, d: parameters },
    operations: 1,
    operation: 'aggregate',
    columns: {
      naive: () => ({ run: () => roughly(naiveAggregate(arrays, faulty)) }),
      ...perKernel((kernels) => {
        const aggregator = kernels.createAggregator({ parameters, maxGradients: count });
        return { run: () => roughly(aggregator.aggregate(gradients, faulty)) };
      }),
    },
    targets,
  };
}

function gradientRow(inputs: number, hidden: readonly number[], rows: number): RowSpec {
  const widths = [inputs, ...hidden, 1];
  const weights = vectorOf(parametersOf(widths), 1).map((weight) => weight / 8);
  const targets = vectorOf(rows, 2).map((value) => (value > 0 ? 1 : 0));
  const batch: NetworkBatch = { inputs: vectorOf(rows * inputs, 3), targets };
  return {
    name: 'gradient of a network',
    params: { widths: widths.join('-'), rows },
    operations: 1,
    operation: 'batch',
    columns: {
      naive: () => ({ run: () => roughly(naiveGradient(widths, weights, batch).gradient) }),
      ...perKernel((kernels) => {
        const network = kernels.createNetwork({ inputs, hidden, maxRows: rows });
        return { run: () => roughly(network.gradient(weights, batch).gradient) };
      }),
    },
  };
}

function vectorRow(name: string, parameters: number, setup: (kernels: Kernels) => Column): RowSpec {
  return { name, params: { d: parameters }, operations: 1, operation: 'gradient', columns: perKernel(setup) };
}

function stepRow(parameters: number): RowSpec {
  const [weights, velocity, gradient] = [1, 2, 3].map((seed) => vectorOf(parameters, seed)) as Float32Array[];
  const learning = { rate: 0.1, momentum: 0.9, longest: 1 };
  return vectorRow('momentum step', parameters, (kernels) => {
    const aggregator = kernels.createAggregator({ parameters, maxGradients: 1 });
    return { run: () => roughly(aggregator.step(weights!, velocity!, gradient!, learning).weights) };
  });
}

function codeRow(parameters: number): RowSpec {
  const gradient = vectorOf(parameters, 1);
  return vectorRow('gradient encoded and decoded', parameters, (kernels) => {
    const aggregator = kernels.createAggregator({ parameters, maxGradients: 1 });
    return {
      run: () => {
        const code = aggregator.encode(gradient);
        return `${roughly(code)} ${roughly(aggregator.decode(code))}`;
      },
    };
  });
}

export function learnRows(): RowSpec[] {
  return [
    aggregationRow(4, 4225),
    aggregationRow(10, 4225, { twin: 4 }),
    aggregationRow(31, 4225),
    gradientRow(45, [], 64),
    gradientRow(64, [64], 64),
    gradientRow(45, [64, 16], 64),
    stepRow(4225),
    codeRow(4225),
  ];
}
